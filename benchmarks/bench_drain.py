"""The drain: events a second of one worker, in batches and beside that one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

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

ONE_BY_ONE = 200
HEADS = ("one worker", "events", "seconds", "events/s", "to one by one", "API requests")

Work = Callable[[UserAccount, Sequence[bytes]], None]


def run(options: Options) -> list[Table]:
    table = Table("Drain", HEADS)
    alone = _measured(ONE_BY_ONE, drain_one_by_one)
    together = _measured(options.events, _in_batches)
    for at, name in enumerate(("deals never seen: amoCRM is asked", "known deals that move: it is not")):
        for way, measured in (("in batches", together), ("one by one", alone)):
            events, seconds, requests = measured[at]
            rate = events / seconds
            ratio = rate / (alone[at][0] / alone[at][1])
            row = (f"{name}, {way}", whole(events), f"{seconds:.2f}", whole(rate), times(ratio), whole(requests))
            table.rows.append(row)
    table.notes.append("amoCRM is the sandbox in a process of its own, with the filter add-on and without a rate.")
    return [table]


def _in_batches(account: UserAccount, bodies: Sequence[bytes]) -> None:
    drain_all(account)


def _measured(events: int, work: Work) -> list[tuple[int, float, int]]:
    """(events, seconds, API requests) for deals that are new, then for the same deals moved."""
    account, crm = new_account(), telling_sandbox(has_filter=True)
    created = create_deals(crm, events)
    connect(account, crm)
    with in_its_own_process(crm) as remote:
        measured = [_timed(account, remote, created, work), _timed(account, remote, move_deals(crm), work)]
    _check(account, events)
    return measured


def _timed(account: UserAccount, remote: RemoteCrm, bodies: Sequence[bytes], work: Work) -> tuple[int, float, int]:
    requests = remote.requests_made()
    if work is _in_batches:
        deliver(account, bodies)
    started = time.perf_counter()
    work(account, bodies)
    return len(bodies), time.perf_counter() - started, remote.requests_made() - requests


def _check(account: UserAccount, events: int) -> None:
    """:raises RuntimeError: the leads or their history are not what the deliveries told."""
    leads = Lead.objects.filter(user_account=account, phone_e164__isnull=False).count()
    steps = LeadStatusHistory.objects.filter(lead__user_account=account).count()
    if (leads, steps) != (events, 2 * events):
        raise RuntimeError(f"{leads} leads with a phone and {steps} steps of history came of {events} deals")
