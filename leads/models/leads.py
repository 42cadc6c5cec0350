"""The lead: what is true now of one ad response or one amoCRM deal."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from leads.models.accounts import UserAccount
from leads.models.ads import Creative, Direction


class LeadSource(models.TextChoices):
    WHATSAPP = "whatsapp", "WhatsApp"
    WEBSITE = "website", _("website")
    MANUAL = "manual", _("manual")
    AMOCRM = "amocrm", "amoCRM"


class MatchMethod(models.TextChoices):
    """How a deal found its row."""

    DEAL_ID = "deal_id", _("by the deal's id")
    PHONE = "phone", _("by phone")
    REPEAT = "repeat", _("repeat purchase")
    CREATED = "created", _("met in amoCRM")
    MANUAL = "manual", _("by hand")


class PushState(models.TextChoices):
    """Whether the lead was sent to amoCRM by us."""

    NONE = "none", _("not sent")
    PENDING = "pending", _("waiting")
    PUSHED = "pushed", _("sent")
    FAILED = "failed", _("failed")


class Lead(models.Model):
    """One row per ad response, amoCRM deal, or both once they have met.

    Columns fall in three groups: what the *response* brought (phone, chat, creative, own UTM), how the *match* was
    made, and what the *deal* says now. A deal that turns out to belong to another row moves there with its group.
    """

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="leads", verbose_name=_("account"), db_index=False
    )

    # The response
    chat_id = models.CharField(_("WhatsApp chat"), max_length=100, blank=True, default="", db_index=True)
    phone = models.CharField(_("phone as entered"), max_length=255, blank=True, default="")
    phone_e164 = models.CharField(_("phone"), max_length=20, null=True, blank=True)
    name = models.CharField(_("name"), max_length=300, blank=True, default="")
    source = models.CharField(_("source"), max_length=10, choices=LeadSource.choices, default=LeadSource.MANUAL)
    creative = models.ForeignKey(
        Creative, models.SET_NULL, null=True, blank=True, related_name="leads", verbose_name=_("creative")
    )
    direction = models.ForeignKey(
        Direction, models.SET_NULL, null=True, blank=True, related_name="leads", verbose_name=_("direction")
    )
    utm_source = models.CharField(max_length=500, blank=True, default="")
    utm_medium = models.CharField(max_length=500, blank=True, default="")
    utm_campaign = models.CharField(max_length=500, blank=True, default="")
    utm_content = models.CharField(max_length=500, blank=True, default="")
    utm_term = models.CharField(max_length=500, blank=True, default="")
    own_utm = models.JSONField(
        default=dict, blank=True, help_text=_("The UTM that the response itself brought; the deal's stand above it.")
    )
    external_id = models.CharField(_("external id"), max_length=200, null=True, blank=True)
    push_state = models.CharField(_("sent to amoCRM"), max_length=10, choices=PushState.choices, default=PushState.NONE)
    push_pipeline_id = models.BigIntegerField(
        _("pipeline to send to"), null=True, blank=True, help_text=_("Empty: the account's main pipeline.")
    )
    created_at = models.DateTimeField(_("met"), auto_now_add=True)

    # The match
    match_method = models.CharField(
        _("matched"), max_length=10, choices=MatchMethod.choices, null=True, blank=True, default=None
    )
    match_detail = models.TextField(_("how it was matched"), blank=True, default="")
    origin_lead = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="repeats", verbose_name=_("first purchase")
    )
    matched_at = models.DateTimeField(_("deal first met"), null=True, blank=True)

    # The deal
    amocrm_lead_id = models.BigIntegerField(_("amoCRM deal"), null=True, blank=True)
    amocrm_contact_id = models.BigIntegerField(_("amoCRM contact"), null=True, blank=True)
    contact_name = models.CharField(_("contact"), max_length=300, blank=True, default="")
    contact_phone = models.CharField(_("contact's phone as entered"), max_length=255, blank=True, default="")
    contact_phones = models.JSONField(default=list, blank=True, help_text=_("All phones of the deal's contact."))
    deal_name = models.CharField(_("deal name"), max_length=500, blank=True, default="")
    current_pipeline_id = models.BigIntegerField(_("pipeline"), null=True, blank=True)
    current_status_id = models.BigIntegerField(_("stage"), null=True, blank=True)
    is_qualified = models.BooleanField(_("qualified"), default=False)
    price = models.DecimalField(_("price"), max_digits=18, decimal_places=2, null=True, blank=True)
    deal_utm = models.JSONField(default=dict, blank=True, help_text=_("UTM of the deal, and where they stood."))
    is_deleted = models.BooleanField(_("deleted"), default=False)
    amocrm_created_at = models.DateTimeField(_("deal created"), null=True, blank=True)
    amocrm_closed_at = models.DateTimeField(_("deal closed"), null=True, blank=True)
    amocrm_updated_at = models.DateTimeField(
        _("newest news"), null=True, blank=True, help_text=_("Time of the newest news of the deal.")
    )
    # Hooks may be partial, so price and UTM each remember the time of the news that gave them.
    price_at = models.DateTimeField(null=True, blank=True, editable=False)
    utm_at = models.DateTimeField(null=True, blank=True, editable=False)
    # updated_at of the newest reading of the deal from the API: news not younger than it needs no request.
    is_stage_confirmed = models.BooleanField(
        default=False, editable=False, help_text=_("The present stage was read from amoCRM, not only told by a hook.")
    )
    read_updated_at = models.DateTimeField(_("newest reading"), null=True, blank=True, editable=False)
    # The price by that reading.
    read_price = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True, editable=False)
    # When the reading was asked for that last changed `is_deleted`: one asked for earlier may be applied later.
    fate_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    # updated_at of the main contact as it was last told of.
    contact_at = models.DateTimeField(null=True, blank=True, editable=False)

    lead_at = models.GeneratedField(
        expression=Coalesce("amocrm_created_at", "created_at"),
        output_field=models.DateTimeField(),
        db_persist=True,
        verbose_name=_("lead's day"),
    )
    updated_at = models.DateTimeField(_("changed"), auto_now=True, db_default=Now())

    class Meta:
        db_table = "leads"
        verbose_name = _("lead")
        verbose_name_plural = _("leads")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "amocrm_lead_id"], name="one_lead_per_deal"),
            models.UniqueConstraint(fields=["user_account", "external_id"], name="one_lead_per_external_id"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "phone_e164"], name="leads_by_phone"),
            models.Index(fields=["user_account", "amocrm_contact_id"], name="leads_by_contact"),
            # In the order of lists, with the key by which a far page's rows are found. And all that a day's count asks
            # for: without the last two it would read each row.
            models.Index(fields=["user_account", "lead_at", "id", "is_deleted", "is_qualified"], name="leads_of_days"),
            models.Index(fields=["user_account", "current_pipeline_id", "current_status_id"], name="leads_by_stage"),
        ]

    def __str__(self) -> str:
        return self.name or self.phone or f"#{self.pk}"


class DealPhone(models.Model):
    """Every phone by which a deal's client is known: a contact has several, and each may lead to the response."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+", db_index=False)
    phone_e164 = models.CharField(max_length=20)
    amocrm_lead_id = models.BigIntegerField()
    # A response that came after it is not the deal's reason. None: before this was written down.
    known_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "amocrm_deal_phones"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "phone_e164", "amocrm_lead_id"], name="one_phone_per_deal")
        ]
