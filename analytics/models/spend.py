"""What advertising cost, and the exchange rates by which costs and sales in other currencies are compared."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models.targetologists import Targetologist
from leads.cents import MOST_AMOUNT
from leads.models import Creative, Direction, UserAccount
from leads.models.accounts import validate_currency

MANUAL_SOURCE = "manual"
SPENT_ON = ("creative", "direction", "targetologist", "campaign")
FIRST_DAY = date(2000, 1, 1)
# Later days are typing errors; a little ahead is somebody's plan, or their clock.
AHEAD = timedelta(days=366)


def campaign_key(campaign: str) -> str:
    """The spelling in which two campaigns are compared: any case is one."""
    return campaign.strip().casefold()[:500]


def named_in(row: Any) -> str:
    """`creative:7`, `campaign:spring`…: what a row of spend names. Empty when it names nothing."""
    for name in ("creative", "direction", "targetologist"):
        pk = getattr(row, f"{name}_id")
        if pk is not None:
            return f"{name}:{pk}"
    key = campaign_key(row.campaign)
    return f"campaign:{key}" if key else ""


def validate_day(day: date) -> None:
    """What is entered of a day that nobody looks at is lost."""
    last = timezone.now().date() + AHEAD
    if not FIRST_DAY <= day <= last:
        span = {"first": f"{FIRST_DAY:%d.%m.%Y}", "last": f"{last:%d.%m.%Y}"}
        raise ValidationError(_("Use a day from %(first)s to %(last)s.") % span)


class AdSpend(models.Model):
    """What one thing cost on one day, as one source tells it. Told again, it replaces what was told before."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="ad_spend", verbose_name=_("account"), db_index=False
    )
    day = models.DateField(_("day"), validators=[validate_day], help_text=_("In the account's time zone."))
    # SET_NULL: the money is spent, whatever becomes of what it was spent on; it then stands under none.
    creative = models.ForeignKey(
        Creative, models.SET_NULL, null=True, blank=True, related_name="ad_spend", verbose_name=_("creative")
    )
    direction = models.ForeignKey(
        Direction, models.SET_NULL, null=True, blank=True, related_name="ad_spend", verbose_name=_("direction")
    )
    targetologist = models.ForeignKey(
        Targetologist, models.SET_NULL, null=True, blank=True, related_name="ad_spend", verbose_name=_("targetologist")
    )
    campaign = models.CharField(_("campaign"), max_length=500, blank=True, default="")
    # What the row names, in one column: a unique constraint over columns that may be null would hold nothing.
    what = models.CharField(max_length=520, editable=False)
    amount = models.DecimalField(
        _("amount"),
        max_digits=18,
        decimal_places=2,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(MOST_AMOUNT)],
    )
    currency = models.CharField(_("currency"), max_length=3, validators=[validate_currency])
    impressions = models.BigIntegerField(_("impressions"), null=True, blank=True, validators=[MinValueValidator(0)])
    clicks = models.BigIntegerField(_("clicks"), null=True, blank=True, validators=[MinValueValidator(0)])
    source = models.CharField(
        _("source"), max_length=100, default=MANUAL_SOURCE, help_text=_("Who told of it. Each source has its own row.")
    )
    created_at = models.DateTimeField(_("recorded"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        db_table = "ad_spend"
        verbose_name = _("ad spend")
        verbose_name_plural = _("ad spend")
        ordering: ClassVar[list[str]] = ["-day", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # The day first: this is also the index by which reports read a span of days.
            models.UniqueConstraint(fields=["user_account", "day", "what", "source"], name="one_spend_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.day:%d.%m.%Y} · {self.spent_on or '—'}"

    def save(self, *args: Any, **options: Any) -> None:
        # Where what it was spent on is gone, it stays known as what it was.
        self.what = named_in(self) or self.what
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], "what"}
        super().save(*args, **options)

    def clean(self) -> None:
        named = [name for name in SPENT_ON if getattr(self, name if name == "campaign" else f"{name}_id")]
        if len(named) != 1:
            raise ValidationError(_("Name one of: creative, direction, targetologist, campaign."))
        self.what = named_in(self)

    @property
    def spent_on(self) -> Creative | Direction | Targetologist | str:
        """What `what` names, for people. Empty when it names nothing, or what is gone."""
        return self.creative or self.direction or self.targetologist or self.campaign


class ExchangeRate(models.Model):
    """One unit of `currency` is `rate` units of `base_currency` on this day."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="exchange_rates", verbose_name=_("account")
    )
    day = models.DateField(
        _("day"), validators=[validate_day], help_text=_("Until the next one, but no longer than a week, it holds on.")
    )
    currency = models.CharField(_("currency"), max_length=3, validators=[validate_currency])
    base_currency = models.CharField(
        _("in"), max_length=3, validators=[validate_currency], help_text=_("The account's currency.")
    )
    rate = models.DecimalField(
        _("rate"),
        max_digits=20,
        decimal_places=10,
        validators=[MinValueValidator(Decimal("0.0000000001"))],
        help_text=_("How much one unit of the currency is in the account's."),
    )
    created_at = models.DateTimeField(_("recorded"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        db_table = "exchange_rates"
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering: ClassVar[list[str]] = ["-day", "currency"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "base_currency", "currency", "day"],
                name="one_rate_per_day",
                violation_error_message=_("There is a rate of this currency and day already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.day:%d.%m.%Y} · 1 {self.currency} = {self.rate.normalize():f} {self.base_currency}"
