"""The shared rate: every request to amoCRM first takes a slot from its bucket's row (law 6).

One row per (account's host, integration) holds the moment at which the next request may leave. Whoever wants to send
moves it on by one interval and sleeps until the moment found there: first come, first served, over all processes, with
no bursts and no polling. amoCRM counts when a request arrives, which is somewhere between that moment and the answer:
where the answer was late, those to come are held back so far that even then no second sees one too many. The row also
holds what amoCRM told all of us: a pause (429) and a block (403).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import nullcontext
from enum import IntEnum
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError

from integrations.amocrm.errors import Blocked, RateLimited
from integrations.models import RateSlot
from leads.told import told

# Eight requests at this spacing span 1.12 s: one of them may be 0.12 s late on its way and still no second sees eight.
SPREAD = 1.12
ON_TIME = SPREAD - 1.0
# Who wakes later than this has missed its slot and takes another, rather than crowding the one after it.
LATEST = 0.05
# A pause up to this long is slept through; for a longer one the caller has better things to do.
PATIENCE = 5.0


# A live look-up that had to wait is seldom alone: for so long after it bulk reading takes no slot.
HOLD = 0.3
# Bulk reading moves on at least this often, however busy the hooks are.
BULK_WAITS_AT_MOST = 3.0
_bulk_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class Priority(IntEnum):
    """Who goes first. Live look-ups never wait for more than one bulk request; the others queue among themselves."""

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


class Bucket:
    """The row of one amoCRM account and our integration. All times are the database's, in seconds."""

    def __init__(self, host: str, *, priority: Priority = Priority.LIVE) -> None:
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
            return self._take(is_probe=is_probe)
        # However many threads read in bulk, together they hold one slot ahead.
        with _bulk_turns[self.name]:
            self._let_live_go_first()
            return self._take(is_probe=is_probe)

    def _let_live_go_first(self) -> None:
        ends = time.monotonic() + BULK_WAITS_AT_MOST
        while time.monotonic() < ends:
            state = self._state()
            if state.live_until <= state.now:
                return
            time.sleep(min(0.1, max(0.01, state.live_until - state.now)))

    def _take(self, *, is_probe: bool) -> Slot:
        while True:
            reserved = self._reserve() or self._probe_slot(self._state(), is_probe=is_probe)
            if reserved is None:
                continue
            wait, number = reserved
            slot = Slot(int(number), time.monotonic() + wait)
            if wait <= 0:
                return slot
            time.sleep(wait)
            if time.monotonic() - slot.due <= LATEST and self._is_open():
                return slot

    def done(self, slot: Slot) -> None:
        """The request has been answered, or given up: by now it has arrived, if ever."""
        if time.monotonic() - slot.due <= ON_TIME:
            return
        # The slot a whole rate after this one must not come within a second of now. Those between are given already.
        self._run(
            "UPDATE amocrm_rate_slots SET next_free = {greatest}(next_free, {now} + 1 - %s * (%s - sequence))"
            " WHERE bucket = %s AND sequence < %s RETURNING 0, 0",
            [self.interval, slot.number + self._per_second - 1, self.name, slot.number + self._per_second],
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

    def _reserve(self) -> tuple[float, float] | None:
        """Seconds until the slot that is ours now, and its number; None when the bucket is closed, or has no row."""
        hold = HOLD if self.priority is Priority.LIVE else 0.0
        return self._run(
            "UPDATE amocrm_rate_slots SET next_free = {greatest}(next_free, paused_until, {now}) + %s,"
            " sequence = sequence + 1,"
            " live_until = CASE WHEN next_free > {now} THEN {greatest}(live_until, {now} + %s) ELSE live_until END"
            " WHERE bucket = %s AND blocked_until = 0 AND paused_until <= {now} + %s"
            " RETURNING next_free - %s - {now}, sequence",
            [self.interval, hold, self.name, PATIENCE, self.interval],
        )

    def _probe_slot(self, state: _State, *, is_probe: bool) -> tuple[float, float] | None:
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

    def _claim_probe(self) -> tuple[float, float] | None:
        return self._run(
            "UPDATE amocrm_rate_slots SET blocked_until = {now} + %s, next_free = {now} + %s, sequence = sequence + 1"
            " WHERE bucket = %s AND blocked_until > 0 AND blocked_until <= {now} RETURNING 0, sequence",
            [settings.AMOCRM_BLOCK_PROBE_SECONDS, self.interval, self.name],
        )

    def _is_open(self) -> bool:
        """Whether nobody was told off while we slept."""
        state = self._state()
        return state.blocked_until == 0 and state.paused_until <= state.now + LATEST

    def _state(self) -> _State:
        with connection.cursor() as cursor:
            cursor.execute(
                _sql("SELECT {now}, paused_until, blocked_until, live_until FROM amocrm_rate_slots WHERE bucket = %s"),
                [self.name],
            )
            row = cursor.fetchone()
        if row is not None:
            return _State(*map(float, row))
        RateSlot.objects.bulk_create([RateSlot(bucket=self.name)], ignore_conflicts=True)
        return _State(0.0, 0.0, 0.0, 0.0)

    def _update(self, change: str, values: list[Any]) -> None:
        self._state()  # makes the row where there is none
        statement = f"UPDATE amocrm_rate_slots SET {change} WHERE bucket = %s RETURNING 0, 0"  # noqa: S608 - our own text
        self._run(statement, [*values, self.name])

    def _run(self, statement: str, values: list[Any]) -> tuple[float, float] | None:
        # SQLite's clock is this process's, so it is read only once the write lock is ours.
        with transaction.atomic() if connection.vendor == "sqlite" else nullcontext(), connection.cursor() as cursor:
            cursor.execute(_sql(statement), values)
            row = cursor.fetchone()
        return None if row is None else (float(row[0]), float(row[1]))


def _sql(statement: str) -> str:
    if connection.vendor == "postgresql":
        return statement.format(now="extract(epoch from clock_timestamp())::float8", greatest="greatest")
    return statement.format(now=f"{time.time():.6f}", greatest="max")


def _refuse_in_transaction() -> None:
    # The row would stay locked, and all processes wait, for as long as the caller's transaction lasts.
    if connection.in_atomic_block:
        raise TransactionManagementError("A request to amoCRM must not be made inside a transaction.")
