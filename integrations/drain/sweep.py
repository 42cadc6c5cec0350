"""What a lost message, a killed worker or a stopped broker left behind."""

from __future__ import annotations

import uuid

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, WebhookLog


def accounts_in_need() -> list[uuid.UUID]:
    """Accounts with due deliveries, that may be worked on now and that no living drain has."""
    backlog = WebhookLog.objects.filter(_due())
    ready = in_need(backlog).exclude(state=ConnectionState.RECONNECT_NEEDED)
    return list(ready.values_list("user_account_id", flat=True))


def in_need(backlog: QuerySet[WebhookLog]) -> QuerySet[AmoCRMConnection]:
    """The connections that some of these deliveries wait for, that need not wait themselves and that no living drain
    has."""
    unheld = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    waiting = backlog.filter(user_account=OuterRef("user_account"), processing_status=ProcessingStatus.RECEIVED)
    return AmoCRMConnection.objects.filter(_due(), unheld, Exists(waiting))


def _due() -> Q:
    return Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=Now())
