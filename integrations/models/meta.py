"""Ad accounts at Meta (Facebook, Instagram), what their ads cost by day, and the readings that brought it."""

from __future__ import annotations

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from integrations.secrets import EncryptedTextField
from leads.models import Creative, UserAccount


class MetaProblem(models.TextChoices):
    """Why an ad account is not being read. Meta's own trouble passes by itself; for the rest a person is needed."""

    OUTAGE = "outage", _("Meta does not answer")
    RATE_LIMITED = "rate_limited", _("Meta asks us to slow down")
    TOKEN = "token", _("the access token is no good")
    FORBIDDEN = "forbidden", _("the token may not read this ad account")
    REFUSED = "refused", _("Meta refuses the request")


class MetaAdAccount(models.Model):
    """An ad account whose spend is read daily. It belongs to one account here: its money counts once."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="meta_ad_accounts", verbose_name=_("account")
    )
    act_id = models.CharField(
        _("ad account id"),
        max_length=30,
        unique=True,
        validators=[RegexValidator(r"^\d{1,30}\Z", _("Digits only, without act_."))],
        help_text=_("The number in Ads Manager's address, after act=."),
        error_messages={"unique": _("This ad account is read here already.")},
    )
    access_token = EncryptedTextField(
        _("access token"), blank=True, default="", help_text=_("Empty: the server's own, META_ADS_TOKEN.")
    )
    is_active = models.BooleanField(_("read daily"), default=True)
    # What Meta says of it.
    name = models.CharField(_("name"), max_length=300, blank=True, default="")
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    timezone = models.CharField(_("time zone"), max_length=64, blank=True, default="")

    pulled_until = models.DateField(
        _("read up to"), null=True, blank=True, help_text=_("The last day of the last complete reading.")
    )
    last_pulled_at = models.DateTimeField(_("last read"), null=True, blank=True)
    next_pull_at = models.DateTimeField(_("next reading"), default=now, db_index=True)
    problem_code = models.CharField(_("problem"), max_length=20, choices=MetaProblem.choices, blank=True, default="")
    problem_detail = models.TextField(_("problem in words"), blank=True, default="")
    problem_since = models.DateTimeField(_("problem since"), null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, editable=False)
    # One worker at a time: the holder's random key and when it lapses if the holder dies.
    lease_key = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "meta_ad_accounts"
        verbose_name = _("Meta ad account")
        verbose_name_plural = _("Meta ad accounts")
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.name or f"act_{self.act_id}"

    @property
    def zone(self) -> ZoneInfo:
        """That of its days; our account's until Meta was asked."""
        return ZoneInfo(self.timezone) if self.timezone else self.user_account.zone

    @property
    def source(self) -> str:
        """As in AdSpend.source: two ad accounts may have campaigns of one name."""
        return f"meta:{self.act_id}"


class MetaAdDay(models.Model):
    """What one ad cost on one day, as Meta said last. `AdSpend` is made of these rows.

    Kept by ad, so that an ad's money finds its creative whenever that is created.
    """

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+", verbose_name=_("account"))
    ad_account = models.ForeignKey(MetaAdAccount, models.CASCADE, related_name="days", verbose_name=_("ad account"))
    day = models.DateField(_("day"), help_text=_("In the ad account's time zone."))
    ad_id = models.CharField(_("ad id"), max_length=50)
    ad_name = models.CharField(_("ad"), max_length=500, blank=True, default="")
    campaign = models.CharField(_("campaign"), max_length=500, blank=True, default="")
    # The creative under which the money stands; null: under its campaign.
    creative = models.ForeignKey(
        Creative, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("creative")
    )
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=4, validators=[MinValueValidator(0)])
    impressions = models.BigIntegerField(_("impressions"), default=0)
    clicks = models.BigIntegerField(_("clicks"), default=0)

    class Meta:
        db_table = "meta_ad_days"
        verbose_name = _("ad by day")
        verbose_name_plural = _("ads by day")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ad_account", "day", "ad_id"], name="one_row_per_meta_ad_and_day")
        ]

    def __str__(self) -> str:
        return f"{self.day} · {self.ad_name or self.ad_id}"


class MetaPull(models.Model):
    """One reading of an ad account's days. Cut short, it goes on at `next_day`."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+", verbose_name=_("account"))
    ad_account = models.ForeignKey(MetaAdAccount, models.CASCADE, related_name="pulls", verbose_name=_("ad account"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    since = models.DateField(_("from"))
    until = models.DateField(_("to"))
    next_day = models.DateField(editable=False)
    rows = models.PositiveIntegerField(_("rows read"), default=0)
    created = models.PositiveIntegerField(_("spend added"), default=0)
    updated = models.PositiveIntegerField(_("spend replaced"), default=0)
    removed = models.PositiveIntegerField(_("spend taken back"), default=0)
    api_requests = models.PositiveIntegerField(_("API requests"), default=0)
    detail = models.TextField(_("in words"), blank=True, default="")
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        db_table = "meta_pulls"
        verbose_name = _("reading of Meta")
        verbose_name_plural = _("readings of Meta")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ad_account"], condition=models.Q(state="running"), name="one_running_meta_pull"
            )
        ]

    def __str__(self) -> str:
        return f"{self.since:%d.%m.%Y} – {self.until:%d.%m.%Y}"
