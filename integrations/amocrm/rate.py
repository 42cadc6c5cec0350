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
# Less than this is the same time, but for rounding.
A_MOMENT = 0.001
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
    """The right to send one request.

    `at`: when, in seconds by the database's clock, which stood at `told` once our monotonic clock was past `asked`.
    """

    number: int
    at: float
    told: float
    asked: float

    @property
    def due(self) -> float:
        """When, by the monotonic clock; too soon by as long as the database took to look at its own."""
        return self.asked + self.at - self.told


class _State(NamedTuple):
    now: float
    paused_until: float
    blocked_until: float
    live_until: float
    reconciliation_until: float
    held: float
    held_from: float


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
                if slot.at - slot.told < A_MOMENT:
                    return slot
            if not ahead:
                self._take_ahead(ahead)
            awaited = self._await(slot)
            if awaited is not None:
                return awaited
            ahead.clear()

    def _await(self, slot: Slot) -> Slot | None:
        """Sleep until its moment, for which the clocks are compared once more: whoever reserved it may have stood in a
        queue of others, and not known for how long. None where somebody was told off meanwhile."""
        time.sleep(max(0.0, slot.due - time.monotonic()))
        asked = time.monotonic()
        state = self._state()
        if state.blocked_until > 0 or state.paused_until > state.now + ON_TIME:
            return None
        at = max(slot.at, state.held + slot.number * self.interval) if slot.number >= state.held_from else slot.at
        # A clock may have been put back: for no longer than was to be waited at first, and than somebody may hold back.
        time.sleep(max(0.0, min(at - state.now, slot.at - slot.told + 1)))
        return self._leave(slot._replace(at=at, told=state.now, asked=asked))

    def _leave(self, slot: Slot) -> Slot | None:
        """Who wakes late holds back those to come. None: these may be under way, and the slot is lost."""
        if time.monotonic() - slot.due <= ON_TIME:
            return slot
        last = self._hold_back(slot, -ON_TIME)  # by which it may be later yet, and nobody would notice
        if last is None or last.number >= slot.number + self._per_second:
            return None
        return slot._replace(at=last.told, told=last.told, asked=last.asked)

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
            ahead.extend(
                first._replace(number=first.number + step, at=first.at + step * self.interval) for step in steps
            )

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

    def done(self, slot: Slot, *, least: float = 0.0) -> None:
        """The request has been answered, or given up: by now it has arrived, if ever.

        :param least: seconds that processing and the way back take at the least: so long ago the request has arrived.
        """
        if time.monotonic() - slot.due - least > ON_TIME:
            self._hold_back(slot, least)

    def _hold_back(self, slot: Slot, least: float) -> Slot | None:
        """The slot a whole rate after this one must not come within a second of its arrival; nor those after it all at
        once. Those that are given already see it before they leave (`held`)."""
        since, interval = slot.number + self._per_second, self.interval
        line = f"({{now}} + {1 - least - interval * since!r})"
        pending = f"held + held_from * {interval!r} > {{now}}"
        return self._run(
            f"UPDATE amocrm_rate_slots SET next_free = {{greatest}}(next_free, {line} + (sequence + 1) * {interval!r}),"  # noqa: S608
            f" held = CASE WHEN {pending} THEN {{greatest}}(held, {line}) ELSE {line} END,"
            f" held_from = CASE WHEN {pending} AND held_from < {since} THEN held_from ELSE {since} END"
            " WHERE bucket = %s",
            [self.name],
        )

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
        last = self._run(
            "UPDATE amocrm_rate_slots SET next_free = {greatest}(next_free, paused_until, {now}) + %s,"  # noqa: S608
            f" sequence = sequence + %s{hold if mine else ''}"
            " WHERE bucket = %s AND blocked_until = 0 AND paused_until <= {now} + %s",
            [count * self.interval, count, self.name, PATIENCE],
        )
        return last and last._replace(number=last.number - count + 1, at=last.at - (count - 1) * self.interval)

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
            " WHERE bucket = %s AND blocked_until > 0 AND blocked_until <= {now}",
            [settings.AMOCRM_BLOCK_PROBE_SECONDS, self.interval, self.name],
        )

    def _state(self) -> _State:
        with connection.cursor() as cursor:
            cursor.execute(
                _sql(
                    "SELECT {now}, paused_until, blocked_until, live_until, reconciliation_until, held, held_from"
                    " FROM amocrm_rate_slots WHERE bucket = %s"
                ),
                [self.name],
            )
            row = cursor.fetchone()
        if row is not None:
            return _State(*map(float, row))
        RateSlot.objects.bulk_create([RateSlot(bucket=self.name)], ignore_conflicts=True)
        return _State(*[0.0] * 7)

    def _update(self, change: str, values: list[Any]) -> None:
        self._state()  # makes the row where there is none
        statement = f"UPDATE amocrm_rate_slots SET {change} WHERE bucket = %s"  # noqa: S608 - our own text
        self._run(statement, [*values, self.name])

    def _run(self, update: str, values: list[Any]) -> Slot | None:
        """The slot that was given last, be it by this statement; None where the row is not as it has to be."""
        # SQLite's clock is this process's, so it is read only once the write lock is ours.
        with transaction.atomic() if connection.vendor == "sqlite" else nullcontext(), connection.cursor() as cursor:
            asked = time.monotonic()
            cursor.execute(_sql(update + " RETURNING sequence, next_free, {now}"), values)
            row = cursor.fetchone()
        return row and Slot(int(row[0]), float(row[1]) - self.interval, float(row[2]), asked)


def _sql(statement: str) -> str:
    if connection.vendor == "postgresql":
        return statement.format(now="extract(epoch from clock_timestamp())::float8", greatest="greatest")
    return statement.format(now=f"{time.time():.6f}", greatest="max")


def _refuse_in_transaction() -> None:
    # The row would stay locked, and all processes wait, for as long as the caller's transaction lasts.
    if connection.in_atomic_block:
        raise TransactionManagementError("A request to amoCRM must not be made inside a transaction.")
