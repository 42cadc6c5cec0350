"""Runs as rows: beginning or joining one, cancelling it, ending it, finding those that nobody works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.models import AmoCRMConnection, ConnectionState, SyncRun, SyncStaged
from leads.models import UserAccount

CANCELLED = "cancelled"


class NotConnected(Exception):
    """The text is for people."""


def start(account: UserAccount, *, full: bool = False) -> SyncRun:
    """A new run of the account's deals, or the one that is under way.

    :raises NotConnected: there is no amoCRM to read.
    """
    connection = AmoCRMConnection.objects.filter(user_account=account).first()
    if connection is None or connection.state == ConnectionState.DISCONNECTED:
        raise NotConnected(_("This account is not connected to amoCRM."))
    if connection.state == ConnectionState.RECONNECT_NEEDED:
        raise NotConnected(_("The connection to amoCRM has to be renewed before deals can be read."))
    return _begin(account, SyncRun.Kind.LEADS, is_full=full)


def start_history(account: UserAccount, cursor: Mapping[str, Any]) -> SyncRun:
    """The run that reads the stage events of before the first sync, as far as that has not."""
    return _begin(account, SyncRun.Kind.HISTORY, cursor=dict(cursor))


def _begin(account: UserAccount, kind: SyncRun.Kind, **values: Any) -> SyncRun:
    # A run may end between the two looks at it; the second try then begins one.
    for _attempt in range(3):
        running = SyncRun.objects.filter(user_account=account, kind=kind, state=SyncRun.State.RUNNING).first()
        if running is not None:
            return running
        try:
            with transaction.atomic():
                return SyncRun.objects.create(user_account=account, kind=kind, **values)
        except IntegrityError:
            continue
    raise AssertionError("a run begins and ends faster than it can be looked at")


def cancel(run: SyncRun) -> None:
    """Stop a run. What it has read so far stays; whoever works on it notices before its next page."""
    running = SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.RUNNING)
    unheld = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    if not running.filter(unheld).update(
        is_cancelled=True, state=SyncRun.State.FAILED, detail=CANCELLED, finished_at=timezone.now()
    ):
        running.update(is_cancelled=True)


def give_up(account: UserAccount, why: str) -> None:
    """End what is under way, since the amoCRM that it reads is not there any more. Whoever works on it notices before
    he writes."""
    running = SyncRun.objects.filter(user_account=account, kind__in=WORKED, state=SyncRun.State.RUNNING)
    SyncStaged.objects.filter(run__in=running).delete()
    running.update(state=SyncRun.State.FAILED, detail=why, finished_at=timezone.now(), lease_key=None, lease_until=None)


def in_need() -> list[int]:
    """Runs that no living worker has, of connections that may be asked now."""
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=Now())
    ready = AmoCRMConnection.objects.filter(due, user_account=OuterRef("user_account")).exclude(
        state=ConnectionState.RECONNECT_NEEDED
    )
    unheld = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    running = SyncRun.objects.filter(unheld, state=SyncRun.State.RUNNING, kind__in=WORKED)
    return list(running.filter(Exists(ready)).order_by("pk").values_list("pk", flat=True))


WORKED = (SyncRun.Kind.LEADS, SyncRun.Kind.HISTORY)
"""The kinds that a worker goes through phase by phase."""
