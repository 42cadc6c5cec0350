"""How long deliveries are kept, and which were removed when."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.webhooks import ProcessingStatus
from leads.models import UserAccount


class RetentionSettings(models.Model):
    """Days for which an account keeps its deliveries, by what became of them. What waits is always kept.

    An account without a row has the defaults.
    """

    user_account = models.OneToOneField(
        UserAccount, models.CASCADE, related_name="retention_settings", verbose_name=_("account")
    )
    success_days = models.PositiveIntegerField(
        _("applied"),
        default=90,
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Days. Empty: for ever. Leads, history and sales stay in any case."),
    )
    ignored_days = models.PositiveIntegerField(
        _("ignored"),
        default=14,
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Nothing about deals or their contacts, such as messages of chats."),
    )
    partial_days = models.PositiveIntegerField(
        _("applied in part"),
        default=180,
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
    )
    error_days = models.PositiveIntegerField(
        _("failed"),
        default=180,
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Replay what can be mended before."),
    )

    class Meta:
        db_table = "retention_settings"
        verbose_name = _("how long deliveries are kept")
        verbose_name_plural = _("how long deliveries are kept")

    def __str__(self) -> str:
        return str(self.user_account)

    def days(self) -> dict[ProcessingStatus, int]:
        """Status → days, of those that are not kept for ever."""
        kept = {
            ProcessingStatus.SUCCESS: self.success_days,
            ProcessingStatus.IGNORED: self.ignored_days,
            ProcessingStatus.PARTIAL: self.partial_days,
            ProcessingStatus.ERROR: self.error_days,
        }
        return {status: days for status, days in kept.items() if days}


class DeliveryRemoval(models.Model):
    """What was removed on one day: so that whoever looks for a delivery learns that it was there, and when it went."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+")
    day = models.DateField()
    processing_status = models.CharField(max_length=10, choices=ProcessingStatus.choices)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    deliveries = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "webhook_log_removals"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "day", "processing_status"], name="one_removal_per_day")
        ]


# What history refers to was applied, so the removals of applied deliveries are looked through first.
_BY_USE = (ProcessingStatus.SUCCESS, ProcessingStatus.PARTIAL, ProcessingStatus.ERROR, ProcessingStatus.IGNORED)


def removed_on(account_ids: Sequence[uuid.UUID] | None, delivery_id: int) -> date | None:
    """The day (UTC) on which a delivery of these accounts (None: of any) was removed; None for one that never was."""
    removals = DeliveryRemoval.objects.filter(first_id__lte=delivery_id, last_id__gte=delivery_id)
    if account_ids is not None:
        removals = removals.filter(user_account__in=account_ids)
    days = dict(removals.order_by("-day").values_list("processing_status", "day"))
    return next((days[status] for status in _BY_USE if status in days), None)
