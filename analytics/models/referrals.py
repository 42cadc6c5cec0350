"""Referrers, the sales they brought, and the ledger of what they earned."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, cast

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics.models.sales import Sale
from leads.models import UserAccount
from leads.people import is_pseudonym
from leads.phones import normalise_phone

REFERRAL_PREFIX = "ref_"
DEFAULT_RATE = Decimal("0.1000")
# In lower case, too, which for some letters is longer.
LONGEST_CODE = 200
_RATE_RANGE = [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))]


def code_key(code: str) -> str:
    """The spelling in which two codes are compared: they match in any case."""
    return code.strip().lower()


def validate_code(code: str) -> None:
    key = code_key(code)
    is_readable = key.startswith(REFERRAL_PREFIX) and not any(sign.isspace() for sign in key)
    if not is_readable or not len(REFERRAL_PREFIX) < len(key) <= LONGEST_CODE:
        raise ValidationError(
            _("“%(code)s” is no referral code. It begins with ref_, for example ref_AIDA, and has no spaces."),
            params={"code": code},
        )


class MoneySettings(models.Model):
    """What an account decides about money. An account without a row has the defaults."""

    user_account = models.OneToOneField(
        UserAccount, models.CASCADE, related_name="money_settings", verbose_name=_("account")
    )
    default_commission_rate = models.DecimalField(
        _("default commission rate"),
        max_digits=5,
        decimal_places=4,
        default=DEFAULT_RATE,
        validators=_RATE_RANGE,
        help_text=_("Of referrers who have none of their own. 0.1 is 10 % of a sale. Credited sales keep their rate."),
    )

    class Meta:
        db_table = "money_settings"
        verbose_name = _("commission settings")
        verbose_name_plural = _("commission settings")

    def __str__(self) -> str:
        return str(self.user_account)


class Referrer(models.Model):
    """Somebody who recommends us. Their code is the `utm_source` of whoever they send."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="referrers", verbose_name=_("account"))
    code = models.CharField(
        _("code"),
        max_length=LONGEST_CODE,
        validators=[validate_code],
        help_text=_("As it stands in utm_source: ref_AIDA. In any case."),
    )
    code_key = models.CharField(max_length=LONGEST_CODE, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    phone = models.CharField(
        _("phone"), max_length=255, blank=True, default="", help_text=_("A purchase from this phone earns nothing.")
    )
    phone_e164 = models.CharField(max_length=20, null=True, blank=True, editable=False)
    commission_rate = models.DecimalField(
        _("commission rate"),
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        validators=_RATE_RANGE,
        help_text=_("0.1 is 10 % of a sale. Empty: the account's default. Sales already credited keep their rate."),
    )
    link_version = models.PositiveIntegerField(
        default=1, editable=False, help_text=_("A link of another version is void.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "referrers"
        verbose_name = _("referrer")
        verbose_name_plural = _("referrers")
        ordering: ClassVar[list[str]] = ["code_key"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "code_key"], name="one_referrer_per_code")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "phone_e164"], name="referrers_by_phone")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})" if self.name else self.code

    def save(self, *args: Any, **options: Any) -> None:
        self.normalise()
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], "code_key", "phone_e164"}
        super().save(*args, **options)

    def clean(self) -> None:
        self.normalise()

    def normalise(self) -> None:
        """The columns by which codes and phones are compared follow from those that people typed."""
        self.code = self.code.strip()
        self.code_key = code_key(self.code)
        erased = self.phone if is_pseudonym(self.phone) else None
        self.phone_e164 = erased or normalise_phone(self.phone, self.user_account.phone_region)

    def rate(self, default: Decimal) -> Decimal:
        """Their own rate, else the account's default."""
        return default if self.commission_rate is None else self.commission_rate


def default_rate(account: UserAccount) -> Decimal:
    found = MoneySettings.objects.filter(user_account=account).values_list("default_commission_rate", flat=True).first()
    return DEFAULT_RATE if found is None else found


class ConversionStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    WAITING = "waiting", _("waiting for a referrer of this code")
    REVERSED = "reversed", _("reversed")
    SELF_REFERRAL = "self_referral", _("own purchase")


class ReferralConversion(models.Model):
    """A sale that came by a referrer's code. One per sale; a sale that changes its code takes its row along."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="referral_conversions", verbose_name=_("account"), db_index=False
    )
    sale = models.OneToOneField(Sale, models.CASCADE, related_name="conversion", verbose_name=_("sale"))
    code = models.CharField(_("code as sent"), max_length=500)
    code_key = models.CharField(max_length=500, editable=False)
    # RESTRICT: goes with its account, and otherwise not at all.
    referrer = models.ForeignKey(
        Referrer,
        models.RESTRICT,
        null=True,
        blank=True,
        related_name="conversions",
        verbose_name=_("referrer"),
    )
    status = models.CharField(_("status"), max_length=15, choices=ConversionStatus.choices)
    commission_rate = models.DecimalField(
        _("commission rate"),
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("As it was when the referrer first earned by this sale."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "referral_conversions"
        verbose_name = _("referral conversion")
        verbose_name_plural = _("referral conversions")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "code_key"], name="conversions_by_code"),
            models.Index(fields=["user_account", "status"], name="conversions_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.code} #{self.sale_id}"


class EarningKind(models.TextChoices):
    ACCRUAL = "accrual", _("accrual")
    ADJUSTMENT = "adjustment", _("adjustment")
    REVERSAL = "reversal", _("reversal")


class LedgerIsAppendOnly(RuntimeError):
    """Somebody tried to change or delete a line of the ledger. A mistake is mended by a further line."""


class LedgerQuerySet(models.QuerySet["ReferralEarning"]):
    def update(self, **values: Any) -> int:
        if set(values) - {"paid_at"}:
            raise LedgerIsAppendOnly(f"Only paid_at may be set, not {', '.join(sorted(values))}.")
        return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise LedgerIsAppendOnly("Lines of the ledger are never deleted.")


class ReferralEarning(models.Model):
    """A line of the ledger: what a referrer earned by a sale, or lost again. Only `paid_at` is ever set later."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="referral_earnings", verbose_name=_("account"), db_index=False
    )
    referrer = models.ForeignKey(Referrer, models.RESTRICT, related_name="earnings", verbose_name=_("referrer"))
    conversion = models.ForeignKey(
        ReferralConversion, models.RESTRICT, related_name="earnings", verbose_name=_("conversion")
    )
    sale = models.ForeignKey(Sale, models.RESTRICT, related_name="earnings", verbose_name=_("sale"))
    sequence = models.PositiveIntegerField(
        _("line"), help_text=_("Counted per conversion. Two who would add the same line cannot both.")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=EarningKind.choices)
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=2, help_text=_("Signed."))
    currency = models.CharField(_("currency"), max_length=3)
    commission_rate = models.DecimalField(_("commission rate"), max_digits=5, decimal_places=4)
    reason = models.CharField(_("why"), max_length=300, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    paid_at = models.DateTimeField(_("paid out"), null=True, blank=True)

    objects: ClassVar[models.Manager[ReferralEarning]] = cast(
        "models.Manager[ReferralEarning]", models.Manager.from_queryset(LedgerQuerySet)()
    )

    class Meta:
        db_table = "referral_earnings"
        verbose_name = _("referral earning")
        verbose_name_plural = _("referral earnings")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["conversion", "sequence"], name="one_line_per_sequence")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "referrer", "paid_at"], name="earnings_by_referrer")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} {self.currency}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding and set(options.get("update_fields") or {"everything"}) - {"paid_at"}:
            raise LedgerIsAppendOnly("Only paid_at may be set.")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise LedgerIsAppendOnly("Lines of the ledger are never deleted.")
