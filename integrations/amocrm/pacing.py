"""When the next request may leave, worked out from the bucket's row and the present moment alone.

Slots are numbered and given one interval apart. amoCRM counts requests as they arrive, somewhere between the moment of
the slot and the answer. Where a request may have arrived late, the following ones are held back, so that even then no
second sees one too many. Moments and spans are in seconds; `now` is by the database's clock.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Self

from integrations.amocrm.errors import Blocked, RateLimited
from integrations.models import RateSlot
from leads.told import told

# So many seconds for as many requests as the rate allows in one. At seven a second, eight requests span 1.05 s: one of
# them may travel 0.05 s longer than the rest, and still no second sees eight.
SPREAD = 1.05
# A request that leaves later than this after its moment is late. The other 0.01 s is for the difference between the
# clocks of database and process.
ON_TIME = 0.04
# A pause up to this long is slept through; a longer one is an error, so that the caller can do other things.
PATIENCE = 5.0
# A queue longer than this many slots is not believed: a clock was put back.
LONGEST_QUEUE = 200
# While a more urgent request waits for its slot, and for so long after it, less urgent ones take none: such requests
# seldom come alone.
HOLD = 0.3


class Priority(IntEnum):
    """Lower numbers go first; within a level, first come, first served. A less urgent level is ahead by at most the
    slot or two that it already has."""

    LIVE = 0
    RECONCILIATION = 1
    FIRST_SYNC = 2


class ProbeDue(Exception):
    """The block's time is over: one `GET /account` has to find out whether amoCRM answers again."""


class Pace(NamedTuple):
    """So many requests `per_second`, one each `interval`; in a block a probe after `probe_after`."""

    per_second: int
    interval: float
    probe_after: float

    @classmethod
    def of(cls, rate: float, probe_after: float) -> Self:
        return cls(max(1, int(rate)), SPREAD / rate, probe_after)


def give(
    row: RateSlot, now: float, pace: Pace, *, priority: Priority = Priority.LIVE, is_probe: bool = False, count: int = 1
) -> float:
    """Give the next slots; the last of them has the row's number. Returns when the first one may leave.

    :param is_probe: this request may test whether a block is over (`GET /account`, a token request).

    :raises RateLimited: amoCRM has asked for a long pause.
    :raises Blocked: amoCRM blocks us, and it is not yet time to ask again.
    :raises ProbeDue: it is time to ask again, by a probe.
    """
    if row.blocked_until > now:
        raise Blocked(told("amoCRM blocks our requests."), retry_after=row.blocked_until - now)
    if row.blocked_until > 0 and not is_probe:
        raise ProbeDue
    if row.blocked_until > 0:
        at, row.blocked_until = now, now + pace.probe_after
    elif row.paused_until > now + PATIENCE:
        raise RateLimited(told("amoCRM asks for fewer requests."), retry_after=row.paused_until - now)
    else:
        if row.next_free > now + LONGEST_QUEUE * pace.interval:  # a clock was put back
            row.next_free, row.held, row.held_from = now, now, row.sequence
        at = max(row.next_free, _held_until(row, pace, row.sequence + 1), row.paused_until, now)
        _ask_to_hold(row, now, priority, at=at)
    row.next_free = at + count * pace.interval
    row.sequence += count
    return at


def _ask_to_hold(row: RateSlot, now: float, priority: Priority, *, at: float) -> None:
    """A request that has to wait asks less urgent ones to let it go first."""
    if at > now and priority is Priority.LIVE:
        row.live_until = max(row.live_until, at + HOLD)
    if at > now and priority is Priority.RECONCILIATION:
        row.reconciliation_until = max(row.reconciliation_until, at + HOLD)


def seconds_held(row: RateSlot, now: float, priority: Priority) -> float:
    """How long more urgent requests are going to wait, as far as is known; 0 if there are none."""
    until = 0.0
    if priority > Priority.LIVE:
        until = row.live_until
    if priority > Priority.RECONCILIATION:
        until = max(until, row.reconciliation_until)
    return max(0.0, until - now)


def leaves_at(row: RateSlot, now: float, pace: Pace, *, number: int, at: float) -> float | None:
    """When the slot given for the moment `at` may leave, by what has happened since. None if it is no longer good: the
    bucket is closed, its moment was missed and others went ahead, or a clock was put back."""
    is_closed = row.blocked_until > 0 or row.paused_until > now + ON_TIME
    is_lost = now - at > ON_TIME and row.sequence >= number + pace.per_second
    if is_closed or is_lost or at > now + LONGEST_QUEUE * pace.interval:
        return None
    return max(at, _held_until(row, pace, number))


def hold_back(row: RateSlot, pace: Pace, *, number: int, arrived: float) -> None:
    """This slot's request may have arrived as late as `arrived`. Hold back the slot `per_second` places after it until
    a second later, and space those that follow from there; slots already given out look again before they leave."""
    first = number + pace.per_second
    if arrived + 1 > _held_until(row, pace, first):
        row.held, row.held_from = arrived + 1, first


def _held_until(row: RateSlot, pace: Pace, number: int) -> float:
    return row.held + (number - row.held_from) * pace.interval
