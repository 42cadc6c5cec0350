"""Sales: what was sold, to whom, and who is credited with it."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models.targetologists import Targetologist
from leads.amounts import money
from leads.cents import MOST_AMOUNT
from leads.models import Lead, UserAccount
from leads.models.accounts import validate_currency
from leads.news import Utm


class SaleStatus(models.TextChoices):
    """`pending` is for purchases entered by hand: a deal is won or it is not."""

    PAID = "paid", _("paid")
    PENDING = "pending", _("pending")
    CANCELLED = "cancelled", _("cancelled")


class Routing(models.TextChoices):
    """Who is credited: see `analytics.routing`."""

    REFERRAL = "referral", _("referral")
    TRAFFIC = "traffic", _("traffic")
    BOTH = "both", _("both")
    UNKNOWN = "unknown", _("unknown")


class Sale(models.Model):
    """One row per won deal, whatever told of it, or per purchase entered by hand (which has no deal).

    A deal's sale is derived from its lead, as often as there is news of it. What people decided about it (who is
    credited, when the routing did not know) is kept apart by `is_assigned` and never overwritten.
    """

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="sales", verbose_name=_("account"), db_index=False
    )
    # A row that was made for a deal alone is deleted when the deal moves to its response; the same transaction then
    # points the sale to the new row.
    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, blank=True, related_name="sales", verbose_name=_("lead"))
    amocrm_deal_id = models.BigIntegerField(
        _("amoCRM deal"), null=True, blank=True, help_text=_("Empty: a purchase entered by hand.")
    )
    amocrm_pipeline_id = models.BigIntegerField(_("pipeline"), null=True, blank=True)
    amocrm_status_id = models.BigIntegerField(_("stage"), null=True, blank=True)
    external_id = models.CharField(
        _("external id"),
        max_length=200,
        null=True,
        blank=True,
        help_text=_("Of a purchase by hand: its id in the system it comes from. Entered again, it is not made twice."),
    )

    client_name = models.CharField(_("client"), max_length=300, blank=True, default="")
    client_phone = models.CharField(_("client's phone"), max_length=255, blank=True, default="")
    client_phones = models.JSONField(
        _("client's phones"), default=list, blank=True, help_text=_("All that are known, normalised.")
    )
    product = models.CharField(
        _("product"), max_length=300, blank=True, default="", help_text=_("Of a deal: the name of its pipeline.")
    )
    amount = models.DecimalField(
        _("amount"),
        max_digits=18,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(MOST_AMOUNT)],
    )
    currency = models.CharField(_("currency"), max_length=3, validators=[validate_currency])
    status = models.CharField(_("status"), max_length=10, choices=SaleStatus.choices, default=SaleStatus.PAID)
    sold_at = models.DateTimeField(_("sold"), help_text=_("When the deal was closed."))

    utm_source = models.CharField(max_length=500, blank=True, default="")
    utm_medium = models.CharField(max_length=500, blank=True, default="")
    utm_campaign = models.CharField(max_length=500, blank=True, default="")
    utm_content = models.CharField(max_length=500, blank=True, default="")
    utm_term = models.CharField(max_length=500, blank=True, default="")
    utm_place = models.CharField(
        _("where the UTM stood"), max_length=500, blank=True, default="", help_text=_("Empty: entered by hand.")
    )

    targetologist = models.ForeignKey(
        Targetologist,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="sales",
        verbose_name=_("targetologist"),
    )
    is_assigned = models.BooleanField(
        _("assigned by hand"), default=False, help_text=_("News of the deal do not change the targetologist.")
    )
    routing_decision = models.CharField(
        _("routing"), max_length=10, choices=Routing.choices, blank=True, default=Routing.UNKNOWN
    )
    routing_reason = models.TextField(_("why"), blank=True, default="")
    takes_traffic = models.BooleanField(
        _("may be a targetologist's"), default=True, help_text=_("Not where only the referral hook told of the deal.")
    )
    takes_referral = models.BooleanField(
        _("may be a referrer's"), default=True, help_text=_("Not where only the traffic hook told of the deal.")
    )
    is_met_by_sync = models.BooleanField(
        default=False, editable=False, help_text=_("No hook told of it first, so nobody is notified.")
    )
    created_at = models.DateTimeField(_("recorded"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        db_table = "sales"
        verbose_name = _("sale")
        verbose_name_plural = _("sales")
        ordering: ClassVar[list[str]] = ["-sold_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "amocrm_deal_id"], name="one_sale_per_deal"),
            models.UniqueConstraint(fields=["user_account", "external_id"], name="one_sale_per_external_id"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "-sold_at", "-id"], name="sales_by_day"),
            models.Index(fields=["user_account", "targetologist", "sold_at"], name="sales_by_targetologist"),
            models.Index(fields=["user_account", "routing_decision", "-sold_at"], name="sales_by_routing"),
        ]

    def __str__(self) -> str:
        return f"{self.client_name or self.client_phone or self.pk} · {money(self.amount, self.currency)}"

    @property
    def is_paid(self) -> bool:
        return self.status == SaleStatus.PAID

    @property
    def is_manual(self) -> bool:
        return self.amocrm_deal_id is None

    @property
    def utm(self) -> Utm:
        return Utm(self.utm_source, self.utm_medium, self.utm_campaign, self.utm_content, self.utm_term, self.utm_place)


class UnknownSale(Sale):
    """A sale in the queue of those that nobody is credited with. The same rows under a page of their own."""

    class Meta:
        proxy = True
        verbose_name = _("sale of nobody known")
        verbose_name_plural = _("sales of nobody known")


class DealTelling(models.Model):
    """Which hooks ever told of a deal: together they say what kinds of credit its sale may take, also when they told
    of it before it was won."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+", db_index=False)
    amocrm_deal_id = models.BigIntegerField()
    hook = models.CharField(max_length=20)

    class Meta:
        db_table = "amocrm_deal_tellings"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "amocrm_deal_id", "hook"], name="one_telling_per_hook")
        ]
