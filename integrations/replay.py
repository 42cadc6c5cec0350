"""Replaying deliveries: back into the queue as if they had just come. What they say is applied once (law 2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from integrations.intake.doorbell import ring
from integrations.models import ProcessingStatus, WebhookLog
from leads.deals.apply import lock_account
from leads.models import UserAccount

SLICE = 5_000


def replay(deliveries: QuerySet[WebhookLog], wake: Callable[[UUID], None] = ring) -> int:
    """Put these deliveries back into the queue, with all their tries, and wake their accounts' drains. How many.

    One whose body was erased has nothing to say any more and stays as it is.
    One that waits already is counted too: its delay and its failed tries are forgotten.
    Slice by slice, so that nobody waits until a million are done; who was broken off may replay them all again.
    """
    rows = deliveries.order_by("pk").values_list("pk", "user_account_id")
    replayed = last = 0
    accounts: set[UUID] = set()
    while part := list(rows.filter(pk__gt=last)[:SLICE]):
        theirs = {account_id for _pk, account_id in part}
        replayed += _replay_slice([pk for pk, _account_id in part], theirs)
        accounts |= theirs
        last = part[-1][0]
    for account_id in sorted(accounts):
        transaction.on_commit(partial(wake, account_id))
    return replayed


@transaction.atomic
def _replay_slice(delivery_ids: list[int], account_ids: set[UUID]) -> int:
    for account in UserAccount.objects.filter(pk__in=account_ids).order_by("pk"):
        lock_account(account)  # a drain writes the outcomes of the same rows, in another order
    return WebhookLog.objects.filter(pk__in=delivery_ids, erased_at=None).update(
        processing_status=ProcessingStatus.RECEIVED,
        attempts=0,
        next_attempt_at=None,
        error_message="",
        processed_at=None,
    )
