"""The shared rate: every request to amoCRM first takes a slot from its bucket's row (law 6).

One row per (account's host, integration) holds the moment at which the next request may leave. Whoever wants to send
moves it on by one interval and sleeps until the moment found there: first come, first served, over all processes, with
no bursts and no polling. amoCRM counts when a request arrives, which is somewhere between that moment and the answer:
where it may have come late, those to come are held back so far that even then no second sees one too many. The row
also holds what amoCRM told all of us: a pause (429) and a block (403).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from contextlib import nullcontext
from enum import IntEnum
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError

from integrations.amocrm.errors import Blocked, RateLimited
from integrations.models import RateSlot
from leads.told import told

# Eight requests at this spacing span 1.05 s: one of them may be 0.05 s late on its way and still no second sees eight.
SPREAD = 1.05
# The rest is for what the clocks of database and process are apart.
ON_TIME = 0.04
# A pause up to this long is slept through; for a longer one the caller has better things to do.
PATIENCE = 5.0


# Those who are less urgent take no slot while somebody waits for his, and for so long after it: he is seldom alone.
HOLD = 0.3
# They move on at least this often, however busy the others are.
WAITS_AT_MOST = 3.0
# SQLite has one writer at a time, and while a page is applied no slot can be taken: bulk reading takes some ahead.
AHEAD_ON_SQLITE = 2


class Priority(IntEnum):
    """Who goes first. Those of one level queue among themselves; a lower level has a slot or two ahead, no more."""

    LIVE = 0
    RECONCILIATION = 1
    FIRST_SYNC = 2


class ProbeDue(Exception):
    """The block's time is over: one `GET /account` has to find out whether amoCRM answers again."""


class Slot(NamedTuple):
    """The right to send one request. `due`: when, by this process's monotonic clock."""

    number: int
    due: float


class _State(NamedTuple):
    now: float
    paused_until: float
    blocked_until: float
    live_until: float
    reconciliation_until: float


class _Queue:
    """The threads of this process that read in bulk at one level: one at a time has the turn, with the slots ahead."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.slots: deque[Slot] = deque()


_queues: defaultdict[tuple[str, Priority], _Queue] = defaultdict(_Queue)


class Bucket:
    """The row of one amoCRM account and our integration. All times are the database's, in seconds."""

    def __init__(self, host: str, *, priority: Priority = Priority.LIVE) -> None:
        self.host = host
        self.name = f"{host}|{settings.AMOCRM_CLIENT_ID}"
        self.priority = priority
        self.interval = SPREAD / settings.AMOCRM_REQUESTS_PER_SECOND
        self._per_second = max(1, int(settings.AMOCRM_REQUESTS_PER_SECOND))

    def take(self, *, is_probe: bool = False) -> Slot:
        """Return when a request may leave; send it at once, and then say that it is `done`.

        :param is_probe: this request may test whether a block is over (`GET /account`, a token request).

        :raises RateLimited: amoCRM has asked for a long pause.
        :raises Blocked: amoCRM blocks us, and it is not yet time to ask again.
        :raises ProbeDue: it is time to ask again, by a probe.
        """
        _refuse_in_transaction()
        if self.priority is Priority.LIVE:
            return self._take(deque(), is_probe=is_probe)
        queue = _queues[self.name, self.priority]
        with queue.turn:
            return self._take(queue.slots, is_probe=is_probe)

    def _take(self, ahead: deque[Slot], *, is_probe: bool) -> Slot:
        while True:
            if ahead:
                slot = ahead.popleft()
            else:
                self._let_others_go_first()
                slot = self._next_slot(is_probe=is_probe)
                if slot.due <= time.monotonic():
                    return slot
            if not ahead:
                self._take_ahead(ahead)
            time.sleep(max(0.0, slot.due - time.monotonic()))
            if self._is_open() and self._may_leave(slot):
                return slot
            ahead.clear()

    def _next_slot(self, *, is_probe: bool) -> Slot:
        while True:
            slot = self._reserve() or self._probe_slot(self._state(), is_probe=is_probe)
            if slot is not None:
                return slot

    def _take_ahead(self, ahead: deque[Slot]) -> None:
        if self.priority is Priority.LIVE or connection.vendor != "sqlite" or self._seconds_held():
            return
        first = self._reserve(AHEAD_ON_SQLITE)
        if first is not None:
            steps = range(AHEAD_ON_SQLITE)
            ahead.extend(Slot(first.number + step, first.due + step * self.interval) for step in steps)

    def _let_others_go_first(self) -> None:
        ends = time.monotonic() + WAITS_AT_MOST
        while self.priority is not Priority.LIVE and time.monotonic() < ends:
            held = self._seconds_held()
            if not held:
                return
            time.sleep(min(0.1, max(0.01, held)))

    def _seconds_held(self) -> float:
        """For how long somebody more urgent is going to wait, as far as is known; 0 when nobody does."""
        state = self._state()
        until = state.live_until
        if self.priority is Priority.FIRST_SYNC:
            until = max(until, state.reconciliation_until)
        return max(0.0, until - state.now)

    def _may_leave(self, slot: Slot) -> bool:
        """Who wakes late holds back those to come; where these are given already, the slot is lost."""
        return time.monotonic() - slot.due <= ON_TIME or self._hold_back(slot, 0.0)

    def done(self, slot: Slot, *, least: float = 0.0) -> None:
        """The request has been answered, or given up: by now it has arrived, if ever.

        :param least: seconds that processing and the way back take at the least: so long ago the request has arrived.
        """
        if time.monotonic() - slot.due - least > ON_TIME:
            self._hold_back(slot, least)

    def _hold_back(self, slot: Slot, least: float) -> bool:
        """The slot a whole rate after this one must not come within a second of its arrival. False: it is given."""
        held = self._run(
            "UPDATE amocrm_rate_slots SET next_free = {greatest}(next_free, {now} - %s + 1 - %s * (%s - sequence))"
            " WHERE bucket = %s AND sequence < %s RETURNING 0, 0",
            [least, self.interval, slot.number + self._per_second - 1, self.name, slot.number + self._per_second],
        )
        return held is not None

    def pause(self, seconds: float) -> None:
        """Back the whole bucket off, also for those who sleep towards their slot already."""
        self._update("paused_until = {greatest}(paused_until, {now} + %s)", [seconds])

    def block(self) -> None:
        """Stop all requests until the next probe."""
        self._update("blocked_until = {now} + %s", [settings.AMOCRM_BLOCK_PROBE_SECONDS])

    def unblock(self) -> None:
        """amoCRM answers again."""
        self._update("blocked_until = 0", [])

    def _reserve(self, count: int = 1) -> Slot | None:
        """The first of the slots that are ours now; None when the bucket is closed, or has no row. Who has to wait asks
        those who are less urgent to hold back."""
        mine = {Priority.LIVE: "live_until", Priority.RECONCILIATION: "reconciliation_until"}.get(self.priority)
        hold = f", {mine} = CASE WHEN next_free > {{now}} THEN {{greatest}}({mine}, next_free + {HOLD}) ELSE {mine} END"
        return self._run(
            "UPDATE amocrm_rate_slots SET next_free = {greatest}(next_free, paused_until, {now}) + %s,"  # noqa: S608
            f" sequence = sequence + %s{hold if mine else ''}"
            " WHERE bucket = %s AND blocked_until = 0 AND paused_until <= {now} + %s"
            " RETURNING next_free - %s - {now}, sequence - %s",
            [count * self.interval, count, self.name, PATIENCE, count * self.interval, count - 1],
        )

    def _probe_slot(self, state: _State, *, is_probe: bool) -> Slot | None:
        """For a closed bucket: the slot of this probe, if one is due; None when the bucket is open after all."""
        if state.blocked_until > state.now:
            raise Blocked(told("amoCRM blocks our requests."), retry_after=state.blocked_until - state.now)
        if state.blocked_until > 0:
            if not is_probe:
                raise ProbeDue
            return self._claim_probe()
        if state.paused_until > state.now + PATIENCE:
            raise RateLimited(told("amoCRM asks for fewer requests."), retry_after=state.paused_until - state.now)
        return None

    def _claim_probe(self) -> Slot | None:
        return self._run(
            "UPDATE amocrm_rate_slots SET blocked_until = {now} + %s, next_free = {now} + %s, sequence = sequence + 1"
            " WHERE bucket = %s AND blocked_until > 0 AND blocked_until <= {now} RETURNING 0, sequence",
            [settings.AMOCRM_BLOCK_PROBE_SECONDS, self.interval, self.name],
        )

    def _is_open(self) -> bool:
        """Whether nobody was told off while we slept."""
        state = self._state()
        return state.blocked_until == 0 and state.paused_until <= state.now + ON_TIME

    def _state(self) -> _State:
        with connection.cursor() as cursor:
            cursor.execute(
                _sql(
                    "SELECT {now}, paused_until, blocked_until, live_until, reconciliation_until"
                    " FROM amocrm_rate_slots WHERE bucket = %s"
                ),
                [self.name],
            )
            row = cursor.fetchone()
        if row is not None:
            return _State(*map(float, row))
        RateSlot.objects.bulk_create([RateSlot(bucket=self.name)], ignore_conflicts=True)
        return _State(0.0, 0.0, 0.0, 0.0, 0.0)

    def _update(self, change: str, values: list[Any]) -> None:
        self._state()  # makes the row where there is none
        statement = f"UPDATE amocrm_rate_slots SET {change} WHERE bucket = %s RETURNING 0, 0"  # noqa: S608 - our own text
        self._run(statement, [*values, self.name])

    def _run(self, statement: str, values: list[Any]) -> Slot | None:
        """:param statement: one that returns seconds from now, and a number."""
        # SQLite's clock is this process's, so it is read only once the write lock is ours. And a commit may take long.
        with transaction.atomic() if connection.vendor == "sqlite" else nullcontext(), connection.cursor() as cursor:
            now = time.monotonic()
            cursor.execute(_sql(statement), values)
            row = cursor.fetchone()
        return None if row is None else Slot(int(row[1]), now + float(row[0]))


def _sql(statement: str) -> str:
    if connection.vendor == "postgresql":
        return statement.format(now="extract(epoch from clock_timestamp())::float8", greatest="greatest")
    return statement.format(now=f"{time.time():.6f}", greatest="max")


def _refuse_in_transaction() -> None:
    # The row would stay locked, and all processes wait, for as long as the caller's transaction lasts.
    if connection.in_atomic_block:
        raise TransactionManagementError("A request to amoCRM must not be made inside a transaction.")
