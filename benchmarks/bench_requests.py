"""What a burst costs at amoCRM: API requests per 1,000 changes on deals never seen."""

from __future__ import annotations

from benchmarks.options import Options
from benchmarks.tables import Table, times
from benchmarks.world import (
    connect,
    create_deals,
    deliver,
    drain_all,
    drain_one_by_one,
    in_its_own_process,
    new_account,
    telling_sandbox,
)

CHANGES = 1000
ONE_BY_ONE = 100
HEADS = ("1,000 changes on deals never seen", "API requests", "to one by one", "at 7 a second")


def run(options: Options) -> list[Table]:
    alone = _requests(ONE_BY_ONE, has_filter=True, one_by_one=True) * CHANGES / ONE_BY_ONE
    ways = {
        "in batches, with the filter add-on": _requests(CHANGES, has_filter=True),
        "in batches, without it": _requests(CHANGES, has_filter=False),
        "one by one: the deal, then its contact": alone,
    }
    table = Table("Requests", HEADS)
    for name, requests in ways.items():
        table.rows.append((name, f"{requests:g}", times(requests / alone), f"{requests / 7:.1f} s"))
    table.notes.append(f"One by one was measured on {ONE_BY_ONE} changes. 8 is the least that pages of 250 allow.")
    return [table]


def _requests(changes: int, *, has_filter: bool, one_by_one: bool = False) -> float:
    account, crm = new_account(), telling_sandbox(has_filter=has_filter)
    bodies = create_deals(crm, changes)
    connect(account, crm)
    with in_its_own_process(crm) as remote:
        if one_by_one:
            drain_one_by_one(account, bodies)
        else:
            deliver(account, bodies)
            drain_all(account)
        return remote.requests_made()
