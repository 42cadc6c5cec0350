"""What a lost message, a killed worker or a stopped broker left behind."""

from __future__ import annotations

import uuid

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, WebhookLog


def accounts_in_need() -> list[uuid.UUID]:
    """Accounts with due deliveries, that may be worked on now and that no living drain has."""
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=Now())
    backlog = WebhookLog.objects.filter(
        due, user_account=OuterRef("user_account"), processing_status=ProcessingStatus.RECEIVED
    )
    unheld = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    ready = AmoCRMConnection.objects.filter(unheld, due).exclude(state=ConnectionState.RECONNECT_NEEDED)
    return list(ready.filter(Exists(backlog)).values_list("user_account_id", flat=True))
