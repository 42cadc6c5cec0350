"""Removing deliveries that were kept long enough, in steps so small that the intake never waits for one."""

from __future__ import annotations

import random
import time
from collections import deque
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Least

from integrations.ending import is_turn_over
from integrations.models import DeliveryRemoval, ProcessingStatus, RetentionSettings, WebhookLog
from leads.models import UserAccount
from leads.turns import turn_of

BATCH = 500


def prune(now: datetime, *, seconds: float = 60.0) -> int:
    """Remove what is older than its account keeps it, for at most so long. Returns how many deliveries went.

    Accounts take turns, in no order: one with much to remove must not keep the others from ever being reached.
    """
    ends = time.monotonic() + seconds
    removed = 0
    turns = _turns()
    while turns and not is_turn_over(ends):
        kept, status, days = turns.popleft()
        step = 0
        with turn_of(kept.user_account_id, "retention"):
            step = _remove_oldest(kept, status, now - timedelta(days=days), now)
        removed += step
        if step == BATCH:
            turns.append((kept, status, days))
    return removed


def _turns() -> deque[tuple[RetentionSettings, ProcessingStatus, int]]:
    decided = {kept.user_account_id: kept for kept in RetentionSettings.objects.all()}
    accounts = UserAccount.objects.values_list("pk", flat=True)
    keeping = [decided.get(account_id) or RetentionSettings(user_account_id=account_id) for account_id in accounts]
    turns = [(kept, status, days) for kept in keeping for status, days in kept.days().items()]
    random.shuffle(turns)
    return deque(turns)


@transaction.atomic
def _remove_oldest(kept: RetentionSettings, status: ProcessingStatus, before: datetime, now: datetime) -> int:
    # By id and not by time, for which there is no index: ids are given in the order of arrival.
    oldest = WebhookLog.objects.filter(user_account_id=kept.user_account_id, processing_status=status).order_by("pk")
    # What somebody replays at this moment is left to the next run.
    rows = oldest.select_for_update(skip_locked=True).values_list("pk", "received_at")[:BATCH]
    ids = [pk for pk, received_at in rows if received_at < before]
    if ids:
        WebhookLog.objects.filter(pk__in=ids).delete()
        _write_down(kept, status, ids, now)
    return len(ids)


def _write_down(kept: RetentionSettings, status: ProcessingStatus, ids: list[int], now: datetime) -> None:
    removal, _is_new = DeliveryRemoval.objects.get_or_create(
        user_account_id=kept.user_account_id,
        day=now.date(),
        processing_status=status,
        defaults={"first_id": ids[0], "last_id": ids[-1]},
    )
    DeliveryRemoval.objects.filter(pk=removal.pk).update(
        first_id=Least(F("first_id"), ids[0]),
        last_id=Greatest(F("last_id"), ids[-1]),
        deliveries=F("deliveries") + len(ids),
    )
