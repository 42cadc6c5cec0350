"""A bulk gives way: thousands of deliveries of one account let the lone ones of others go first."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from integrations.drain.sweep import in_need
from integrations.models import ConnectionState, WebhookLog
from leads.clock import shared_now

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
    now = shared_now()
    untouched = WebhookLog.objects.filter(attempts=0, next_attempt_at__isnull=True)
    late = untouched.filter(received_at__gt=now - _STUCK, received_at__lt=now - _LATE)
    others = in_need(late).filter(state=ConnectionState.CONNECTED).exclude(user_account=account_id)
    return others.exists()
