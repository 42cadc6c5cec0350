"""Syncs by the clock: each account at its own moment of the window, so that a thousand do not start in one second."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integrations.models import AmoCRMConnection, ConnectionState, SyncDue, SyncRun
from leads.models import UserAccount
from leads.turns import turn_of

PLAN = "integrations.plan_syncs"
# Wider than this nobody needs it: a thousand accounts are then one every four seconds.
WIDEST = timedelta(hours=1)
# So short a window needs no spreading: an account's schedule would be felt as unsteady.
NARROWEST = timedelta(minutes=10)


def plan_syncs(now: datetime | None = None) -> None:
    """The clock has struck: give each connected account its moment."""
    now = now or timezone.now()
    window = _window(now)
    connected = AmoCRMConnection.objects.filter(state=ConnectionState.CONNECTED)
    dues = [
        SyncDue(user_account_id=account_id, due_at=now + window * place_of(account_id))
        for account_id in connected.values_list("user_account_id", flat=True)
    ]
    # An account that waits already has an earlier moment, from the stroke before or hastened, and keeps it. A later one
    # comes from a wrong clock.
    SyncDue.objects.filter(due_at__gt=now + window).delete()
    SyncDue.objects.bulk_create(dues, ignore_conflicts=True)


def hasten(account: UserAccount, now: datetime) -> None:
    """Something was found that only a sync can mend: let the next one come within the minute."""
    SyncDue.objects.update_or_create(user_account=account, defaults={"due_at": now})


def take_due(
    now: datetime | None = None, begin: Callable[[UserAccount], object] = lambda _account: None
) -> list[UserAccount]:
    """The accounts whose moment has come; each is given once. While a run is under way the moment waits: that run may
    already be past what the next one is wanted for.

    :param begin: called with each in the transaction that takes its moment, so that a killed worker takes none.
    """
    running = SyncRun.objects.filter(kind=SyncRun.Kind.LEADS, state=SyncRun.State.RUNNING)
    due = SyncDue.objects.filter(due_at__lte=now or timezone.now()).select_related("user_account")
    due = due.exclude(user_account__in=running.values("user_account"))
    taken: list[UserAccount] = []
    for one in due:
        with turn_of(one.user_account_id, "sync"), transaction.atomic():
            if SyncDue.objects.filter(pk=one.pk, due_at=one.due_at).delete()[0]:
                begin(one.user_account)
                taken.append(one.user_account)
    return taken


def place_of(account_id: uuid.UUID) -> float:
    """The account's place in every window, from 0 to 1: always the same, and evenly spread."""
    return (account_id.int % 9973) / 9973


def _window(now: datetime) -> timedelta:
    """Until the clock strikes next, by the rows of the schedule: people may have set another time there."""
    rows = PeriodicTask.objects.filter(task=PLAN, enabled=True)
    until_next = timedelta(
        seconds=min((row.schedule.is_due(now).next or 0 for row in rows), default=WIDEST.total_seconds())
    )
    return min(until_next, WIDEST) if until_next >= NARROWEST else timedelta(0)
