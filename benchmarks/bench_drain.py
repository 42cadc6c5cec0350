"""The drain: events a second of one worker, in batches and beside that one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.options import Options
from benchmarks.tables import Table, times, whole
from benchmarks.world import (
    RemoteCrm,
    connect,
    create_deals,
    deliver,
    drain_all,
    drain_one_by_one,
    in_its_own_process,
    move_deals,
    new_account,
    telling_sandbox,
)
from leads.models import Lead, LeadStatusHistory, UserAccount

ONE_BY_ONE = 100
HEADS = ("one worker", "events", "seconds", "events/s", "CPU ms", "to one by one", "API requests")

Work = Callable[[UserAccount, Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class Measured:
    events: int
    seconds: float
    cpu_seconds: float
    requests: int

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        return self.cpu_seconds * 1000 / self.events


def run(options: Options) -> list[Table]:
    table = Table("Drain", HEADS)
    alone = drained(ONE_BY_ONE, drain_one_by_one)
    together = drained(options.events, in_batches)
    for at, name in enumerate(("deals never seen: amoCRM is asked", "known deals that move: it is not")):
        for way, measured in (("in batches", together), ("one by one", alone)):
            one = measured[at]
            figures = (whole(one.events), f"{one.seconds:.2f}", whole(one.rate), f"{one.cpu_milliseconds:.2f}")
            table.rows.append((f"{name}, {way}", *figures, times(one.rate / alone[at].rate), whole(one.requests)))
    table.notes.append("CPU: the worker's own, per event.")
    table.notes.append("amoCRM is the sandbox in a process of its own, with the filter add-on and without a rate.")
    return [table]


def in_batches(account: UserAccount, bodies: Sequence[bytes]) -> None:
    drain_all(account)


def drained(events: int, work: Work) -> list[Measured]:
    """For deals that are new, then for the same deals moved."""
    account, crm = new_account(), telling_sandbox(has_filter=True)
    created = create_deals(crm, events)
    connect(account, crm)
    with in_its_own_process(crm) as remote:
        measured = [_timed(account, remote, created, work), _timed(account, remote, move_deals(crm), work)]
    _check(account, events)
    return measured


def _timed(account: UserAccount, remote: RemoteCrm, bodies: Sequence[bytes], work: Work) -> Measured:
    requests = remote.requests_made()
    if work is in_batches:
        deliver(account, bodies)
    started, used = time.perf_counter(), time.process_time()
    work(account, bodies)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
    return Measured(len(bodies), seconds, cpu_seconds, remote.requests_made() - requests)


def _check(account: UserAccount, events: int) -> None:
    """:raises RuntimeError: the leads or their history are not what the deliveries told."""
    leads = Lead.objects.filter(user_account=account, phone_e164__isnull=False).count()
    steps = LeadStatusHistory.objects.filter(lead__user_account=account).count()
    if (leads, steps) != (events, 2 * events):
        raise RuntimeError(f"{leads} leads with a phone and {steps} steps of history came of {events} deals")
