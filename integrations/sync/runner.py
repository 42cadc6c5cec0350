"""Working a run through its phases, from wherever its cursor stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction

from integrations.amocrm.errors import AmoCRMError, ConditionError, Outage, RequestError, Unpaid
from integrations.connecting.problems import clear_problem, note_problem
from integrations.drain.deliveries import waiting
from integrations.drain.drain import drain
from integrations.intake.doorbell import DRAIN
from integrations.lease import LeaseLost
from integrations.models import AmoCRMConnection, ConnectionState, Problem, SyncRun
from integrations.sync.events import read_first_events, read_old_events, read_recent_events
from integrations.sync.figures import refresh_figures
from integrations.sync.lease import Cancelled, RunLease
from integrations.sync.recent import last_id, newest, read_recent_contacts, read_recent_deals
from integrations.sync.runs import CANCELLED, end, end_if_parted, start_history
from integrations.sync.scanning import LISTS, scan_all
from integrations.sync.session import Session, TurnOver
from integrations.sync.trash import read_trash
from integrations.waking import wake
from leads.clock import seconds_until
from leads.told import told

logger = structlog.get_logger(__name__)

Phase = Callable[[Session], None]
FIRST: tuple[Phase, ...] = (scan_all, read_trash, read_first_events)
FULL: tuple[Phase, ...] = (scan_all, read_trash, read_recent_events)
LATER: tuple[Phase, ...] = (read_recent_contacts, read_recent_deals, read_trash, read_recent_events)
HISTORY: tuple[Phase, ...] = (read_old_events,)
# Without these phases a run fails, as they are its purpose. The extras amoCRM may refuse while it answers all else.
_NEEDED = (scan_all, read_recent_deals, read_old_events)
_EXTRAS = (read_trash, read_first_events, read_recent_events, read_old_events)
_TRIES_IN_VAIN = 5
# Bulk reading leaves threads of a worker to the hooks.
_PLACES = threading.BoundedSemaphore(4)
_TRY_AGAIN = 3.0
# Deliveries received so long before a run may still be what told of the changes that it finds.
_HEARD_BEFORE = timedelta(hours=2)
_DRAIN_TURNS = 3
# Older than all that amoCRM can tell of.
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
# So many unforeseen failures without a step forward between them end a run.
_FAILURES = 5


def work(run_id: int, *, ring_again: Callable[[float], None]) -> None:
    """Work on a run until it is over, its turn is, or the connection has to wait. Ringing twice does no harm.

    :param ring_again: called with seconds after which the run wants to be worked on again.
    """
    run = SyncRun.objects.filter(pk=run_id, state=SyncRun.State.RUNNING).first()
    if run is None:
        return
    connection = AmoCRMConnection.objects.select_related("user_account").get(user_account=run.user_account_id)
    if connection.state == ConnectionState.DISCONNECTED:
        end_if_parted(run)
        return
    if connection.state == ConnectionState.RECONNECT_NEEDED:
        return  # the sweep finds the run once the account is connected again
    pause = seconds_until(connection.next_attempt_at)
    if pause > 0:
        ring_again(pause)
        return
    if not _PLACES.acquire(blocking=False):
        ring_again(_TRY_AGAIN)
        return
    try:
        _work_under_lease(run, connection, ring_again)
    finally:
        _PLACES.release()


def _work_under_lease(run: SyncRun, connection: AmoCRMConnection, ring_again: Callable[[float], None]) -> None:
    lease = RunLease.of_run(run.pk)
    if lease is None:
        return
    run.refresh_from_db()
    try:
        _work(run, connection, lease)
    except TurnOver:
        lease.release()
        ring_again(0)
    except ConditionError as error:
        logger.warning("sync_waits", run=run.pk, account=str(run.user_account_id), problem=error.problem)
        note_problem(connection, error)
        connection.refresh_from_db(fields=["next_attempt_at"])
        lease.release()
        ring_again(max(1.0, seconds_until(connection.next_attempt_at)))
    except Cancelled:
        end(lease.mine, SyncRun.State.FAILED, CANCELLED)
    except AmoCRMError as error:
        end(lease.mine, SyncRun.State.FAILED, str(error))
    except LeaseLost:
        logger.warning("sync_lease_lost", run=run.pk)
    except Exception as error:
        with suppress(Cancelled, LeaseLost):
            _count_failure(run, lease, error)
        raise
    finally:
        lease.release()


def _count_failure(run: SyncRun, lease: RunLease, error: Exception) -> None:
    """After an unforeseen failure the sweep tries again, but not for ever: while a run is open, no other run of the
    account can begin."""
    with transaction.atomic():
        lease.hold()
        run.refresh_from_db()  # what the failed page remembered is not true
        failures = run.cursor["failures"] = run.cursor.get("failures", 0) + 1
        run.save(update_fields=["cursor"])
    if failures >= _FAILURES:
        reason = told("The sync broke off %(times)s times in a row by an error of ours (%(what)s). The log says more.")
        end(lease.mine, SyncRun.State.FAILED, reason % {"times": failures, "what": type(error).__name__})


def _work(run: SyncRun, connection: AmoCRMConnection, lease: RunLease) -> None:
    _drain_first(run)
    if "phase" not in run.cursor:
        run.cursor = {**run.cursor, "phase": 0, **_beginning(run, connection)}
        with transaction.atomic():
            lease.hold()  # the drain may have taken longer than the lease lasts
            run.save(update_fields=["cursor"])
    session = Session(run, connection, lease)
    try:
        _go_through(session)
    except Outage:
        session.note_outage()
        raise


def _go_through(session: Session) -> None:
    run, connection = session.run, session.connection
    if connection.problem_code == Problem.BLOCKED:
        session.reader.client.account()  # one careful question before the rest
    _set_marks(session)
    phases = _phases(run)
    while session.cursor["phase"] < len(phases):
        phase = phases[session.cursor["phase"]]
        try:
            phase(session)
        except RequestError as error:
            # Without rights for events or contacts the deals are still worth having.
            if phase in _NEEDED:
                raise
            session.note(error)
        except (Unpaid, Outage) as error:
            if phase not in _EXTRAS or not _does_without(session, error):
                raise
            if phase in _NEEDED:
                raise RequestError(str(error)) from error
            session.note(error)
            _leave_to_others(session, phase, error)
        with session.page():
            session.remember(phase=session.cursor["phase"] + 1, page=1)
    end(session.lease.mine, SyncRun.State.DONE, run.detail)
    refresh_figures(session.account, run)


def _does_without(session: Session, error: ConditionError) -> bool:
    """Whether amoCRM answers everything else: the account may not have paid for an add-on, or its events take too long.
    Waiting for them for ever would keep every other run from beginning, and hold up the hooks."""
    tries = session.cursor["tries_in_vain"] = session.cursor.get("tries_in_vain", 0) + 1
    if isinstance(error, Outage) and tries < _TRIES_IN_VAIN:
        return False
    try:
        session.reader.client.first_page("leads")
    except AmoCRMError:
        return False
    clear_problem(session.connection)
    return True


def _leave_to_others(session: Session, phase: Phase, error: ConditionError) -> None:
    """Have another run read the events that this one does without: recent ones are read by the next run, from where
    this one began, and those before the first run by a run of their own. Events not paid for nobody can read."""
    if phase is read_recent_events:
        session.remember(high_events=session.moment("since_events"))
    elif phase is read_first_events and isinstance(error, Outage):
        start_history(session.account, session.cursor, page=session.cursor.get("page", 1))


def _phases(run: SyncRun) -> tuple[Phase, ...]:
    if run.kind == SyncRun.Kind.HISTORY:
        return HISTORY
    if run.cursor["is_first"]:
        return FIRST
    return FULL if run.cursor["is_whole"] else LATER


def _drain_first(run: SyncRun) -> None:
    """Apply what the hooks have told, before asking amoCRM what they did not tell."""
    if run.kind != SyncRun.Kind.LEADS:
        return
    asked: list[float] = []
    for _turn in range(_DRAIN_TURNS):
        if not waiting(run.user_account_id).exists():
            break
        drain(run.user_account_id, ring_again=asked.append)
    if asked:
        wake(DRAIN, str(run.user_account_id))  # a drain of its own finds out when to look again


def _beginning(run: SyncRun, connection: AmoCRMConnection) -> dict[str, object]:
    """From where this run reads: from where the last one was certain, if that was of the same amoCRM account."""
    if run.kind == SyncRun.Kind.HISTORY:
        return {"is_first": True, "is_kept": False}
    done = SyncRun.objects.filter(user_account=run.user_account_id, kind=run.kind, state=SyncRun.State.DONE)
    last = done.filter(cursor__amocrm_account_id=connection.amocrm_account_id).order_by("-pk").first()
    common: dict[str, object] = {"amocrm_account_id": connection.amocrm_account_id}
    if last is None:
        return {**common, "is_first": True, "is_whole": True, "is_kept": False}
    left = last.cursor
    since_events = left.get("high_events") or left.get("floor")
    # While nothing was connected no hook could come: changes of that time are no gaps.
    is_kept = connection.connected_at is None or connection.connected_at <= last.started_at
    return {
        **common,
        "is_first": False,
        # A whole reading during which deals were deleted may have missed one, and is done again.
        "is_whole": run.is_full or not left.get("high_leads") or left.get("is_shaken", False),
        "mends": left.get("is_shaken", False),
        "is_kept": is_kept,
        "floor": left.get("floor"),
        "since_leads": left.get("high_leads"),
        "since_contacts": left.get("high_contacts"),
        "since_events": since_events,
        "high_events": since_events,
        "merges": left.get("merges", []),
        "heard_since": (last.started_at - _HEARD_BEFORE).isoformat(),
    }


def _set_marks(session: Session) -> None:
    """Remember where the lists stand before a whole reading: what changes during it is read by the next run."""
    cursor = session.cursor
    if session.run.kind == SyncRun.Kind.HISTORY or not cursor["is_whole"] or "high_leads" in cursor:
        return
    marks = {path: newest(session, path) for path in LISTS}
    ends = {path: last_id(session, path) for path in LISTS}
    # Of an empty list nothing has been seen: whatever stands in it later is new, however long ago it says it changed.
    known = {path: mark or _BEFORE_ALL for path, mark in marks.items()}
    floor = max(known.values())
    with session.page():
        session.remember(**{f"high_{path}": mark for path, mark in known.items()})
        session.remember(**{f"last_{path}": last for path, last in ends.items()})
        if cursor["is_first"]:
            session.remember(floor=floor, high_events=floor)
