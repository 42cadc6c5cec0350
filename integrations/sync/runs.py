"""Runs as rows: beginning or joining one, cancelling it, ending it, finding those that nobody works on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from integrations.models import AmoCRMConnection, ConnectionState, SyncRun, SyncStaged
from leads.clock import is_over, shared_now
from leads.models import UserAccount
from leads.told import told

CANCELLED = "cancelled"
DISCONNECTED = told("The account was disconnected from amoCRM.")


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
    if full:
        _resume_history(connection)
    return _begin(account, SyncRun.Kind.LEADS, is_full=full)


def start_history(account: UserAccount, cursor: Mapping[str, Any], *, page: int) -> SyncRun:
    """Begin the run that reads the stage events from before the first sync. `cursor`: the first sync's; `page`: from
    which it did not read them."""
    left = {"page": page, "until": cursor.get("floor"), "amocrm_account_id": cursor.get("amocrm_account_id")}
    return _begin(account, SyncRun.Kind.HISTORY, cursor=left)


def _resume_history(connection: AmoCRMConnection) -> None:
    """A full sync also tries old events again that amoCRM did not give; not those of another amoCRM account."""
    account = connection.user_account
    last = SyncRun.objects.filter(user_account=account, kind=SyncRun.Kind.HISTORY).order_by("-pk").first()
    if last is None or last.state != SyncRun.State.FAILED:
        return
    if last.cursor.get("amocrm_account_id") == connection.amocrm_account_id:
        start_history(account, {**last.cursor, "floor": last.cursor["until"]}, page=last.cursor["page"])


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
    mine = SyncRun.objects.filter(pk=run.pk)
    mine.filter(state=SyncRun.State.RUNNING).update(is_cancelled=True)
    end(mine.filter(is_over("lease_until")), SyncRun.State.FAILED, CANCELLED)


def give_up(account: UserAccount, why: str, kinds: Collection[SyncRun.Kind]) -> None:
    """End what is under way, since the amoCRM that it reads is not there any more."""
    end(SyncRun.objects.filter(user_account=account, kind__in=kinds), SyncRun.State.FAILED, why)


def end_if_parted(run: SyncRun) -> None:
    """End a run of deals that was begun while the account was disconnected: connecting begins another, from where the
    last one was certain. A run of old history waits instead, as it reads the same later."""
    parted = AmoCRMConnection.objects.filter(state=ConnectionState.DISCONNECTED).values("user_account")
    end(
        SyncRun.objects.filter(pk=run.pk, kind=SyncRun.Kind.LEADS, user_account__in=parted),
        SyncRun.State.FAILED,
        DISCONNECTED,
    )


def end(runs: QuerySet[SyncRun], state: SyncRun.State, detail: str) -> None:
    """End those of the runs that are under way, and delete what they keep until their end. A page that is being applied
    is still finished; the worker notices before the next one."""
    with transaction.atomic():
        running = runs.filter(state=SyncRun.State.RUNNING).select_for_update()
        ids = list(running.order_by("pk").values_list("pk", flat=True))
        SyncRun.objects.filter(pk__in=ids).update(
            state=state, detail=detail, finished_at=shared_now(), lease_key=None, lease_until=None
        )
        SyncStaged.objects.filter(run__in=ids).delete()


def in_need() -> list[int]:
    """Runs that no living worker has, of connections that may be asked now."""
    ready = AmoCRMConnection.objects.filter(is_over("next_attempt_at"), user_account=OuterRef("user_account")).exclude(
        state=ConnectionState.RECONNECT_NEEDED
    )
    running = SyncRun.objects.filter(is_over("lease_until"), state=SyncRun.State.RUNNING, kind__in=WORKED)
    workable = Exists(ready.filter(state=ConnectionState.CONNECTED))
    to_be_ended = Q(Exists(ready), kind=SyncRun.Kind.LEADS)
    return list(running.filter(workable | to_be_ended).order_by("pk").values_list("pk", flat=True))


WORKED = (SyncRun.Kind.LEADS, SyncRun.Kind.HISTORY)
"""The kinds that a worker goes through phase by phase."""
