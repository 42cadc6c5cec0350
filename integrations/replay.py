"""Replaying deliveries: back into the queue as if they had just come. What they say is applied once (law 2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from integrations.intake.doorbell import ring
from integrations.models import ProcessingStatus, WebhookLog


@transaction.atomic
def replay(deliveries: QuerySet[WebhookLog], wake: Callable[[UUID], None] = ring) -> int:
    """Put these deliveries back into the queue, with all their tries, and wake their accounts' drains. How many.

    One whose body was erased has nothing to say any more and stays as it is.
    One that waits already is counted too: its delay and its failed tries are forgotten.
    """
    deliveries = deliveries.filter(erased_at=None)
    accounts = list(deliveries.order_by().values_list("user_account_id", flat=True).distinct())
    replayed = deliveries.order_by().update(
        processing_status=ProcessingStatus.RECEIVED,
        attempts=0,
        next_attempt_at=None,
        error_message="",
        processed_at=None,
    )
    for account_id in accounts:
        transaction.on_commit(partial(wake, account_id))
    return replayed
