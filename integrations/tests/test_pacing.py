"""The law of the shared rate, on requests whose clock hypothesis moves: no database, nobody sleeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.amocrm.pacing import ON_TIME, Pace, give, hold_back, leaves_at
from integrations.amocrm.rate import LOOK_BEFORE
from integrations.models import RateSlot

NOON = 1_000_000.0  # a row that was never used says 0, which has to be long ago
SEVEN = Pace.of(7, probe_after=60)


@dataclass(frozen=True)
class Request:
    """When it is wanted, how late its sender wakes, how long the answer takes, and at what part of that it arrives."""

    wanted_at: float
    wakes_late: float
    answered_in: float
    arrives_at: float


# Each is answered within a second: of what takes longer nobody knows in time that it was late.
requests = st.builds(
    Request, st.floats(0, 3), st.sampled_from([0.0, 0.01, ON_TIME, 0.3, 2.0]), st.floats(0, 0.95), st.floats(0, 1)
)


class Traffic:
    """Senders of one bucket, who do as `rate.py` does; `arrived` says when each request did."""

    def __init__(self) -> None:
        self.row = RateSlot()
        self.arrived: list[float] = []
        self._moments: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()

    def run(self, wanted: list[Request]) -> None:
        for request in wanted:
            self._at(NOON + request.wanted_at, partial(self._take, request))
        while self._moments:
            now, _order, happens = heapq.heappop(self._moments)
            happens(now)

    def _at(self, moment: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self._moments, (moment, next(self._order), happens))

    def _take(self, request: Request, now: float) -> None:
        at = give(self.row, now, SEVEN)
        self._sleep(request, self.row.sequence, at, now)

    def _sleep(self, request: Request, number: int, at: float, now: float) -> None:
        until = at - LOOK_BEFORE
        self._at(until + request.wakes_late if until > now else now, partial(self._look, request, number, at))

    def _look(self, request: Request, number: int, at: float, now: float) -> None:
        due = leaves_at(self.row, now, SEVEN, number=number, at=at)
        if due is None:
            self._take(replace(request, wakes_late=0.0), now)
        elif due - LOOK_BEFORE > now:
            self._sleep(request, number, due, now)
        else:
            self._at(due + request.wakes_late if due > now else now, partial(self._wake, request, number, due))

    def _wake(self, request: Request, number: int, at: float, now: float) -> None:
        due = leaves_at(self.row, now, SEVEN, number=number, at=at)
        if now - at <= ON_TIME:
            self._leave(request, number, at, now)
        elif due is None:
            self._take(replace(request, wakes_late=0.0), now)
        elif due > now:
            self._sleep(request, number, due, now)
        else:
            hold_back(self.row, SEVEN, number=number, arrived=now + ON_TIME)
            self._leave(request, number, now, now)

    def _leave(self, request: Request, number: int, due: float, now: float) -> None:
        self.arrived.append(now + request.answered_in * request.arrives_at)
        self._at(now + request.answered_in, partial(self._done, number, due))

    def _done(self, number: int, due: float, now: float) -> None:
        if now - due > ON_TIME:
            hold_back(self.row, SEVEN, number=number, arrived=now)


@settings(max_examples=200, deadline=None)
@given(st.lists(requests, min_size=8, max_size=40))
def test_no_second_sees_an_eighth_request_however_late_they_wake_and_arrive(wanted: list[Request]) -> None:
    traffic = Traffic()
    traffic.run(wanted)
    arrived = sorted(traffic.arrived)
    assert len(arrived) == len(wanted)
    assert min((later - at for at, later in zip(arrived, arrived[7:], strict=False)), default=1.0) > 1 - 1e-6


def test_a_clock_that_was_put_back_holds_nobody_up_until_it_is_as_late_again() -> None:
    row = RateSlot()
    at = give(row, NOON + 3600, SEVEN)
    hold_back(row, SEVEN, number=row.sequence, arrived=NOON + 3601)
    assert leaves_at(row, NOON, SEVEN, number=row.sequence, at=at) is None
    assert give(row, NOON, SEVEN) < NOON + 1
