"""When the next request may leave: a function of what the bucket's row says and of the moment, and of nothing else.

Slots are numbered, and given one interval apart. amoCRM counts when a request arrives, which is somewhere between the
moment of its slot and the answer: where it may have come late, those to come are held back so far that even then no
second sees one too many. Moments and spans are in seconds, `now` by the database's clock.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Self

from integrations.amocrm.errors import Blocked, RateLimited
from integrations.models import RateSlot
from leads.told import told

# Eight requests at this spacing span 1.05 s: one of them may be 0.05 s late on its way and still no second sees eight.
SPREAD = 1.05
# The rest is for what the clocks of database and process are apart.
ON_TIME = 0.04
# A pause up to this long is slept through; for a longer one the caller has better things to do.
PATIENCE = 5.0
# So many slots are not waited for at once.
LONGEST_QUEUE = 200
# Those who are less urgent take no slot while somebody waits for his, and for so long after it: he is seldom alone.
HOLD = 0.3


class Priority(IntEnum):
    """Who goes first. Those of one level queue among themselves; a lower level has a slot or two ahead, no more."""

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
    """Who has to wait asks those who are less urgent to let him go first."""
    if at > now and priority is Priority.LIVE:
        row.live_until = max(row.live_until, at + HOLD)
    if at > now and priority is Priority.RECONCILIATION:
        row.reconciliation_until = max(row.reconciliation_until, at + HOLD)


def seconds_held(row: RateSlot, now: float, priority: Priority) -> float:
    """For how long somebody more urgent is going to wait, as far as is known; 0 when nobody does."""
    until = 0.0
    if priority > Priority.LIVE:
        until = row.live_until
    if priority > Priority.RECONCILIATION:
        until = max(until, row.reconciliation_until)
    return max(0.0, until - now)


def leaves_at(row: RateSlot, now: float, pace: Pace, *, number: int, at: float) -> float | None:
    """When the slot given for that moment may leave, by what has come up since. None where it is not good any more: the
    bucket is closed, it was overslept and overtaken, or a clock was put back."""
    is_closed = row.blocked_until > 0 or row.paused_until > now + ON_TIME
    is_lost = now - at > ON_TIME and row.sequence >= number + pace.per_second
    if is_closed or is_lost or at > now + LONGEST_QUEUE * pace.interval:
        return None
    return max(at, _held_until(row, pace, number))


def hold_back(row: RateSlot, pace: Pace, *, number: int, arrived: float) -> None:
    """The slot a whole rate after this one, which may have arrived as late as that, must not come within a second of
    it; nor those after it all at once. Those that are given already see it before they leave."""
    first = number + pace.per_second
    if arrived + 1 > _held_until(row, pace, first):
        row.held, row.held_from = arrived + 1, first


def _held_until(row: RateSlot, pace: Pace, number: int) -> float:
    return row.held + (number - row.held_from) * pace.interval
