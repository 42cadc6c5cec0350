"""The drain: works an account's backlog off, batch by batch, under the connection's lease."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import ConditionError, Outage, RequestError
from integrations.connecting.pipelines import meet_pipelines
from integrations.connecting.problems import clear_problem, note_problem
from integrations.drain.alone import fail_alone
from integrations.drain.applying import apply_batch
from integrations.drain.blame import is_the_connections
from integrations.drain.deliveries import BATCH_ROWS, Delivery, next_batch, waiting
from integrations.drain.fairness import give_way
from integrations.drain.lagging import may_be_early, put_off
from integrations.drain.lease import take_lease
from integrations.drain.outcomes import write_outcomes
from integrations.drain.reading import Readings, read
from integrations.ending import is_turn_over
from integrations.lease import Lease, LeaseLost
from integrations.models import AmoCRMConnection, ConnectionState, Problem, ProcessingStatus, WebhookLog
from leads.clock import seconds_until, shared_now
from leads.deals.apply import lock_account
from leads.told import told
from leads.turns import is_the_databases

logger = structlog.get_logger(__name__)

# One account does not keep a worker's thread longer than this while others wait: it rings again and queues up.
TURN_SECONDS = 20
# A burst is let arrive before it is read: one request serves 250 deals as well as one. A lone delivery waits for a
# quiet quarter of a second, a stream at most two seconds (a delivery must be applied within five).
QUIET = timedelta(seconds=0.25)
GATHER_AT_MOST = timedelta(seconds=2)


def drain(account_id: uuid.UUID, *, ring_again: Callable[[float], None]) -> None:
    """Work off what waits. Returns when nothing is due, or the connection has to wait, or the turn is over.

    :param ring_again: called with seconds after which the account wants to be drained again.
    """
    turn_ends = time.monotonic() + TURN_SECONDS
    while waiting(account_id).exists():
        connection = AmoCRMConnection.objects.filter(user_account_id=account_id).first()
        if connection is None or connection.state == ConnectionState.RECONNECT_NEEDED:
            return  # the backlog is kept until the account is connected
        if connection.state == ConnectionState.DISCONNECTED:
            _ignore_batch(connection)
            continue
        pause = seconds_until(connection.next_attempt_at)
        if pause > 0:
            ring_again(pause)
            return
        lease = take_lease(connection.pk)
        if lease is None:
            return  # whoever has the lease looks again after giving it back
        try:
            is_clear = _work(connection, lease, turn_ends)
        except LeaseLost:
            logger.warning("drain_lease_lost", account=str(account_id))
            return
        finally:
            lease.release()
        if not is_clear or is_turn_over(turn_ends):
            connection.refresh_from_db(fields=["next_attempt_at"])
            ring_again(seconds_until(connection.next_attempt_at))
            return
    _ring_for_retries(account_id, ring_again)


def _ring_for_retries(account_id: uuid.UUID, ring_again: Callable[[float], None]) -> None:
    """A delivery that failed for its own sake, or that waits for amoCRM's API, has a moment of its own."""
    received = WebhookLog.objects.filter(
        user_account_id=account_id, processing_status=ProcessingStatus.RECEIVED, next_attempt_at__isnull=False
    )
    soonest = received.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    if soonest is not None:
        ring_again(max(0.1, seconds_until(soonest)))


def _ignore_batch(connection: AmoCRMConnection) -> None:
    """Nothing of it is applied, and nothing left in it of people who asked to be forgotten."""
    account = connection.user_account
    parted = AmoCRMConnection.objects.filter(pk=connection.pk, state=ConnectionState.DISCONNECTED)
    batch = next_batch(connection)  # parsing large bodies takes seconds, for which SQLite would let nobody else write
    with transaction.atomic():
        lock_account(account)
        if parted.select_for_update(no_key=True).first() is None:
            return  # connected anew meanwhile
        keys = [delivery.log.pk for delivery in batch]
        still_waiting = set(waiting(account.pk).filter(pk__in=keys).values_list("pk", flat=True))
        late = [delivery for delivery in batch if delivery.log.pk in still_waiting]
        for delivery in late:
            delivery.status = ProcessingStatus.IGNORED
            delivery.notes = [
                told("Arrived after the account was disconnected from amoCRM. Connect it and replay to apply it.")
            ]
        write_outcomes(account, late, {}, timezone.now())


def _work(connection: AmoCRMConnection, lease: Lease, turn_ends: float) -> bool:
    """Batches until nothing is due (True), or a condition of the connection stops the work (False)."""
    # A batch may take a request for each of its deals: longer, at the rate, than a lease lasts.
    client = AmoCRMClient(connection, before_request=lease.hold)
    try:
        if connection.problem_code == Problem.BLOCKED:
            client.account()  # one careful question before the backlog is let loose
        while not is_turn_over(turn_ends):
            _gather(connection.user_account_id)
            lease.hold()
            batch = next_batch(connection)
            if not batch:
                return True
            _work_batch(connection, client, lease, batch)
            if connection.problem_code or connection.failures:
                clear_problem(connection)
                connection.refresh_from_db(fields=["problem_code", "failures", "next_attempt_at"])
            _count_failed(connection, 0)
            if len(batch) == BATCH_ROWS:
                give_way(connection.user_account_id)
    except ConditionError as error:
        logger.warning("drain_waits", account=str(connection.user_account_id), problem=error.problem)
        note_problem(connection, error)
        if isinstance(error, Outage):
            _count_failed(connection, connection.failed_readings + 1)
        return False
    return True


def _count_failed(connection: AmoCRMConnection, times: int) -> None:
    """The drain's own count, under its lease: `failures` is reset by whomever amoCRM answers."""
    if connection.failed_readings != times:
        connection.failed_readings = times
        AmoCRMConnection.objects.filter(pk=connection.pk).update(failed_readings=times)


def _gather(account_id: uuid.UUID) -> None:
    """Wait while a burst is still arriving, so that it is read in few requests. A delivery from a future beyond that is
    one of a clock that disagrees with ours: it is not waited for."""
    while True:
        due = waiting(account_id).filter(attempts=0)
        arrived = list(due.values_list("received_at", flat=True)[:BATCH_ROWS])
        now = shared_now()
        is_full = len(arrived) >= BATCH_ROWS
        if not arrived or is_full or abs(now - arrived[-1]) > QUIET or now - arrived[0] > GATHER_AT_MOST:
            return
        time.sleep(QUIET.total_seconds() / 5)


def _work_batch(connection: AmoCRMConnection, client: AmoCRMClient, lease: Lease, batch: Sequence[Delivery]) -> None:
    """Read what the batch needs, and apply it. What amoCRM refuses is halved until the refused one is alone."""
    account = connection.user_account
    lease.hold()
    try:
        readings = read(client, account, [one for one in batch if one.is_applicable])
    except (RequestError, Outage) as error:
        if is_the_connections(error, connection, client):
            raise
        if len(batch) == 1:
            fail_alone(connection, client, lease, batch[0], error)
            return
        middle = len(batch) // 2
        _work_batch(connection, client, lease, batch[:middle])
        _work_batch(connection, client, lease, batch[middle:])
        return
    now = shared_now()
    early = [one for one in batch if may_be_early(one, readings, now)]
    if early:
        lease.hold()
        put_off(early, now)
        waits = {one.log.pk for one in early}
        batch = [one for one in batch if one.log.pk not in waits]
    if batch:
        meet_pipelines(connection, readings.deals.values())
        _apply(connection, client, lease, batch, readings)


def _apply(
    connection: AmoCRMConnection, client: AmoCRMClient, lease: Lease, batch: Sequence[Delivery], readings: Readings
) -> None:
    """Apply together; where that fails for the sake of some delivery, one by one with what was read (law 5)."""
    try:
        lease.hold()
        apply_batch(connection.user_account, batch, readings, lease, shared_now())
    except LeaseLost:
        raise
    except Exception as error:
        # One delivery's trouble, of whatever kind, must not stop the others.
        if is_the_databases(error):
            raise
        _log_failure(connection, batch, error)
        if len(batch) == 1:
            fail_alone(connection, client, lease, batch[0], error)
            return
        for delivery in batch:
            _apply(connection, client, lease, [delivery], readings)


def _log_failure(connection: AmoCRMConnection, batch: Sequence[Delivery], error: Exception) -> None:
    deliveries = [delivery.log.pk for delivery in batch][:10]
    logger.error(
        "deliveries_failed",
        account=str(connection.user_account_id),
        deliveries=deliveries,
        exc_info=error,
    )
