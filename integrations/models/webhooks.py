"""The delivery: what arrived, as it arrived, and what became of it. The table is the queue."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from analytics.models import Routing
from leads.models import UserAccount


class Hook(models.TextChoices):
    """Which address was called; stored as the delivery's `source`."""

    AMOCRM = "amocrm", _("all deals")
    TRAFFIC = "amocrm_traffic", _("traffic")
    REFERRAL = "amocrm_referral", _("referral")


class ProcessingStatus(models.TextChoices):
    RECEIVED = "received", _("waiting")
    SUCCESS = "success", _("success")
    IGNORED = "ignored", _("ignored")
    PARTIAL = "partial", _("partial")
    ERROR = "error", _("error")


class WebhookLog(models.Model):
    """One delivery. Intake writes the first group with a single INSERT; the drain writes the second."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="webhook_logs", verbose_name=_("account"), db_index=False
    )
    source = models.CharField(_("hook"), max_length=20, choices=Hook.choices)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    raw_body = models.BinaryField(_("raw body"))
    content_type = models.CharField(_("content type"), max_length=200, db_default="")
    request_id = models.CharField(
        _("amoCRM's request id"), max_length=100, db_default="", help_text=_("x-amocrm-requestid, as sent.")
    )

    processing_status = models.CharField(
        _("status"), max_length=10, choices=ProcessingStatus.choices, db_default=ProcessingStatus.RECEIVED
    )
    pipeline_id = models.BigIntegerField(_("pipeline"), null=True, blank=True)
    lead_id = models.BigIntegerField(_("deal"), null=True, blank=True)
    deal_data = models.JSONField(_("parsed body"), null=True, blank=True)
    utm_source = models.CharField(max_length=500, db_default="", blank=True)
    utm_campaign = models.CharField(max_length=500, db_default="", blank=True)
    routing_decision = models.CharField(_("routing"), max_length=10, choices=Routing.choices, db_default="", blank=True)
    routing_reason = models.TextField(_("why so routed"), db_default="", blank=True)
    error_message = models.TextField(_("message"), db_default="", blank=True)
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), db_default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    erased_at = models.DateTimeField(
        _("body erased"), null=True, blank=True, help_text=_("When a person in it asked to be forgotten.")
    )

    class Meta:
        db_table = "webhook_logs"
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            # The queue: what waits, oldest first. Partial, so that it stays as small as the backlog.
            models.Index(
                fields=["user_account", "id"],
                condition=models.Q(processing_status="received"),
                name="webhook_logs_waiting",
            ),
            models.Index(fields=["user_account", "-id"], name="webhook_logs_newest"),
            models.Index(fields=["user_account", "lead_id"], name="webhook_logs_by_deal"),
            models.Index(fields=["processing_status", "-id"], name="webhook_logs_by_status"),
            # An account's few that were not applied, to be listed and to be removed: without it their oldest is looked
            # for among all that was applied since. Neither the intake nor what is applied pays for it.
            models.Index(
                fields=["user_account", "processing_status", "id"],
                condition=models.Q(processing_status__in=["ignored", "partial", "error"]),
                name="webhook_logs_not_applied",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()} #{self.pk}"
