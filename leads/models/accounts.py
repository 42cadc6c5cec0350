"""Who may see what: users, the accounts (tenants) they belong to, and their roles there."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any, ClassVar

import phonenumbers
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail, in lower case: people do not remember how they once typed it."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractUser):
    username = None  # type: ignore[assignment]  # the e-mail is the name
    email = models.EmailField(_("e-mail"), unique=True)
    language = models.CharField(
        _("language"), max_length=5, choices=[("ru", "Русский"), ("en", "English")], blank=True, default=""
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.email


class Role(models.TextChoices):
    """What a member may do: a viewer reads, staff does all but connecting and members, an owner does all."""

    OWNER = "owner", _("owner")
    STAFF = "staff", _("staff")
    VIEWER = "viewer", _("viewer")

    @property
    def rank(self) -> int:
        return {Role.VIEWER: 0, Role.STAFF: 1, Role.OWNER: 2}[self]

    def covers(self, needed: Role) -> bool:
        return self.rank >= needed.rank


def validate_region(value: str) -> None:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError(_("“%(value)s” is no region. Use two letters such as KZ or RU."), params={"value": value})


def validate_timezone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(value)s” is no time zone. Use a name such as Asia/Almaty."), params={"value": value}
        )


validate_currency = RegexValidator(r"^[A-Z]{3}$", _("Use three capital letters such as KZT."))


class UnknownZone(RuntimeError):
    """This machine does not know an account's time zone, so it cannot say which day a moment belongs to."""

    def __init__(self, account: UserAccount) -> None:
        super().__init__(f"{account.timezone!r} of account {account.pk}")
        self.account = account


class UserAccount(models.Model):
    """A tenant: an agency's client with one amoCRM of their own. Every row of the product belongs to one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200)
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="user_accounts", verbose_name=_("members")
    )
    phone_region = models.CharField(
        _("phone region"),
        max_length=2,
        default="KZ",
        validators=[validate_region],
        help_text=_("The country whose dialling habits are used for numbers written without a country code."),
    )
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        default="Asia/Almaty",
        validators=[validate_timezone],
        help_text=_("Days in reports begin and end at this zone's midnight."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="KZT", validators=[validate_currency])
    is_currency_assumed = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Nobody chose the currency: amoCRM's is taken over when an account is connected."),
    )
    crm_currency = models.CharField(
        max_length=3,
        blank=True,
        default="",
        editable=False,
        help_text=_("The amoCRM account's currency, learnt when connecting: prices of deals are in it."),
    )
    utm_mapping = models.JSONField(
        _("UTM field mapping"),
        default=dict,
        blank=True,
        help_text=_('amoCRM field id or name → UTM key, for example {"Источник": "utm_source"}.'),
    )
    # A hook's address is signed with the key version; both ends of the range are accepted while a rotation
    # re-registers the hook at amoCRM.
    hook_key_version = models.PositiveIntegerField(default=1, editable=False)
    hook_key_oldest = models.PositiveIntegerField(default=1, editable=False)
    demo_rows = models.JSONField(
        default=dict,
        editable=False,
        help_text=_("Of an account filled with generated data: each table and the last of its rows that is generated."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "user_accounts"
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering: ClassVar[list[str]] = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def price_currency(self) -> str:
        """What deals' prices are in: the CRM's currency, ours until a CRM has been connected."""
        return self.crm_currency or self.currency

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """Raises UnknownZone: no form takes such a name, but another machine may have known it."""
        try:
            return zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UnknownZone(self) from error


class Membership(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("user"))
    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="memberships", verbose_name=_("account"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        db_table = "user_account_members"
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "user"], name="one_membership_per_user")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"
