"""What a lost message, a killed worker or a stopped broker left behind."""

from __future__ import annotations

import uuid

from django.db.models import Exists, OuterRef, QuerySet

from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, WebhookLog
from leads.clock import is_over


def accounts_in_need() -> list[uuid.UUID]:
    """Accounts with due deliveries, that may be worked on now and that no living drain has."""
    backlog = WebhookLog.objects.filter(is_over("next_attempt_at"))
    ready = in_need(backlog).exclude(state=ConnectionState.RECONNECT_NEEDED)
    return list(ready.values_list("user_account_id", flat=True))


def in_need(backlog: QuerySet[WebhookLog]) -> QuerySet[AmoCRMConnection]:
    """The connections that some of these deliveries wait for, that need not wait themselves and that no living drain
    has."""
    waiting = backlog.filter(user_account=OuterRef("user_account"), processing_status=ProcessingStatus.RECEIVED)
    return AmoCRMConnection.objects.filter(is_over("next_attempt_at"), is_over("lease_until"), Exists(waiting))
