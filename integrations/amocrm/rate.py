"""The shared rate: every request to amoCRM first takes a slot from its bucket's row (law 6).

One row per (account's host, integration) holds the moment at which the next request may leave (`pacing.py`). Whoever
wants to send moves it on under the row's lock, and sleeps until the moment found there: first come, first served, over
all processes, with no bursts and no polling. The row also holds what amoCRM told all of us: a pause (429) and a block
(403).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction

from integrations.amocrm.pacing import ON_TIME, Pace, Priority, give, hold_back, leaves_at, seconds_held
from integrations.models import RateSlot
from leads.clock import shared_now

# Moments closer than this are the same, but for rounding.
A_MOMENT = 0.001
# So long before its moment a slot's row is read again: reading takes time, the more on a busy machine.
LOOK_BEFORE = 0.05
# Less urgent requests move on at least this often, however busy the others are.
WAITS_AT_MOST = 3.0
# SQLite has one writer at a time, and while a page is applied no slot can be taken: bulk reading takes some ahead.
AHEAD_ON_SQLITE = 2


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


class _Reading(NamedTuple):
    row: RateSlot
    told: float
    asked: float


class _Queue:
    """Of a process's threads that read in bulk at one level, one at a time has the turn and the slots taken ahead."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.slots: deque[Slot] = deque()


_queues: defaultdict[tuple[str, Priority], _Queue] = defaultdict(_Queue)


class Bucket:
    """The row of one amoCRM account and our integration."""

    def __init__(self, host: str, *, priority: Priority = Priority.LIVE) -> None:
        self.host = host
        self.name = f"{host}|{settings.AMOCRM_CLIENT_ID}"
        self.priority = priority
        self.pace = Pace.of(settings.AMOCRM_REQUESTS_PER_SECOND, settings.AMOCRM_BLOCK_PROBE_SECONDS)

    def take(self, *, is_probe: bool = False) -> Slot:
        """Return when a request may leave; send it at once, and then say that it is `done`. Never in a transaction.

        :raises RateLimited, Blocked, ProbeDue: as `give` does.
        """
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
                (slot,) = self._reserve(1, is_probe=is_probe)
                if slot.at - slot.told < A_MOMENT:
                    return slot
            if not ahead and self._may_take_ahead():
                ahead.extend(self._reserve(AHEAD_ON_SQLITE))
            awaited = self._await(slot)
            if awaited is not None:
                return awaited
            ahead.clear()

    def _reserve(self, count: int, *, is_probe: bool = False) -> list[Slot]:
        with self._locked() as (row, told, asked):
            at = give(row, told, self.pace, priority=self.priority, is_probe=is_probe, count=count)
            first = row.sequence - count + 1
        return [Slot(first + step, at + step * self.pace.interval, told, asked) for step in range(count)]

    def _may_take_ahead(self) -> bool:
        return self.priority > Priority.LIVE and connection.vendor == "sqlite" and not self._seconds_held()

    def _let_others_go_first(self) -> None:
        ends = time.monotonic() + WAITS_AT_MOST
        while self.priority > Priority.LIVE and time.monotonic() < ends and (held := self._seconds_held()):
            time.sleep(min(0.1, max(0.01, held)))

    def _seconds_held(self) -> float:
        row, told, _asked = self._read()
        return seconds_held(row, told, self.priority)

    def _await(self, slot: Slot) -> Slot | None:
        """Sleep until the slot's moment, which others may move meanwhile. None if the slot is no longer good."""
        number = slot.number
        while True:
            time.sleep(max(0.0, slot.due - LOOK_BEFORE - time.monotonic()))
            row, told, asked = self._read()
            at = leaves_at(row, told, self.pace, number=number, at=slot.at)
            if at is None:
                return None
            slot = Slot(number, at, told, asked)
            if at - told > LOOK_BEFORE:
                continue
            time.sleep(max(0.0, slot.due - time.monotonic()))
            if time.monotonic() - slot.due <= ON_TIME:
                return slot
            with self._locked() as (row, told, asked):
                at = leaves_at(row, told, self.pace, number=number, at=slot.at)
                if at is None:
                    return None
                if at <= told:
                    # It may leave up to ON_TIME later still, without anybody noticing.
                    hold_back(row, self.pace, number=number, arrived=told + ON_TIME)
                    return Slot(number, told, told, asked)
            slot = Slot(number, at, told, asked)

    def done(self, slot: Slot, *, least: float = 0.0) -> None:
        """The request was answered or given up, so it has arrived by now, if ever.

        :param least: seconds that amoCRM and the way back take at least: the request arrived at least so long ago.
        """
        late = time.monotonic() - slot.due - least
        if late > ON_TIME:
            with self._locked() as (row, _told, _asked):
                hold_back(row, self.pace, number=slot.number, arrived=slot.at + late)

    def pause(self, seconds: float) -> None:
        """Back the whole bucket off, also requests that already sleep until their slot."""
        with self._locked() as (row, told, _asked):
            row.paused_until = max(row.paused_until, told + seconds)

    def block(self) -> None:
        """Stop all requests until the next probe."""
        with self._locked() as (row, told, _asked):
            row.blocked_until = told + self.pace.probe_after

    def unblock(self) -> None:
        """amoCRM answers again."""
        RateSlot.objects.filter(pk=self.name, blocked_until__gt=0).update(blocked_until=0)

    @contextmanager
    def _locked(self) -> Iterator[_Reading]:
        """The row, to be changed. The lock is held for statements only: were the caller's transaction not over before
        the request leaves, all processes would wait for its answer."""
        with transaction.atomic(durable=True):
            reading = self._read(is_locked=True)
            yield reading
            reading.row.save()

    def _read(self, *, is_locked: bool = False) -> _Reading:
        rows = RateSlot.objects.select_for_update() if is_locked else RateSlot.objects.all()
        row, _is_new = rows.get_or_create(pk=self.name)
        # Only now: after a wait for the row's lock, an earlier reading of our clock would be too early.
        asked = time.monotonic()
        return _Reading(row, shared_now().timestamp(), asked)
