"""A bulk gives way: thousands of deliveries of one account let the lone ones of others go first (law 10)."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, WebhookLog

# A lone delivery is applied within half a second. One that waits longer waits for a worker; what waits for very long,
# for something else.
_LATE, _STUCK = timedelta(seconds=0.75), timedelta(seconds=30)
_REST_AT_MOST = 4.0
_LOOK_AGAIN = 0.2


def give_way(account_id: uuid.UUID) -> None:
    """Rest as long as deliveries of other accounts wait that nobody is at work on, but not for ever."""
    ends = time.monotonic() + _REST_AT_MOST
    while time.monotonic() < ends and others_wait(account_id):
        time.sleep(_LOOK_AGAIN)


def others_wait(account_id: uuid.UUID) -> bool:
    now = timezone.now()
    late = WebhookLog.objects.filter(
        user_account=OuterRef("user_account"),
        processing_status=ProcessingStatus.RECEIVED,
        attempts=0,
        received_at__gt=now - _STUCK,
        received_at__lt=now - _LATE,
    )
    unheld = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    others = AmoCRMConnection.objects.filter(unheld, due, state=ConnectionState.CONNECTED)
    return others.exclude(user_account=account_id).filter(Exists(late)).exists()
