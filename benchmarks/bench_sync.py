"""The first sync at amoCRM's limit of seven requests a second: requests, time and memory, at two sizes; and how soon
live hooks are applied while one runs.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence

from django.test import override_settings

from benchmarks.options import Options
from benchmarks.servers import ROOT
from benchmarks.tables import Table, times, whole
from benchmarks.world import NOWHERE, connect, deliver, drain_all, in_its_own_process, new_account, told
from integrations.models import SyncRun
from integrations.sync import runs
from leads.models import UserAccount
from sandbox import Sandbox, seed_bulk

SIZES = (20_000, 100_000)
PER_SECOND = 7
PAGE = 250
# So many live hooks come together, so often, while the sync runs.
LIVE_HOOKS, EVERY_SECONDS = 10, 2.0
HEADS = (
    *("first sync", "requests", "to needed", "seconds", "to the limit", "CPU ms a deal", "peak memory, MB"),
    *("live hooks", "applied a second", "s from stored to applied, p50", "p95"),
)


def run(options: Options, sizes: Sequence[int] = SIZES) -> list[Table]:
    table = Table("Sync", HEADS)
    for deals in sizes:
        table.rows.append(_measured(deals))
    table.rows.append(_measured(sizes[0], is_beside_hooks=True))
    table.notes.append("As many contacts as deals; needed are deals ÷ 250 + contacts ÷ 250 requests.")
    table.notes.append("The limit is the time that those and the requests for live hooks take at 7 a second.")
    table.notes.append(
        f"In the last line {LIVE_HOOKS} hooks come together every {EVERY_SECONDS:.0f} s or a little later, meanwhile."
    )
    table.notes.append("amoCRM is the sandbox, which counts the rate too; its own work takes the same cores.")
    return [table]


def _measured(deals: int, *, is_beside_hooks: bool = False) -> Sequence[str]:
    account, crm = new_account(), Sandbox(requests_per_second=PER_SECOND)
    seed_bulk(crm.demo, deals)
    hooks = _moves(crm) if is_beside_hooks else []
    connect(account, crm)
    with in_its_own_process(crm) as remote, override_settings(AMOCRM_REQUESTS_PER_SECOND=PER_SECOND):
        del crm
        begun = runs.start(account)
        command = [sys.executable, "-m", "benchmarks.sync_worker", str(begun.pk), remote.url, str(PER_SECOND)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
            delays = _apply_live(account, hooks, worker)
            printed = worker.stdout.read() if worker.stdout else ""
        made = remote.requests_made()
    seconds, peak, cpu = json.loads(printed.splitlines()[-1])
    begun.refresh_from_db()
    if begun.state != SyncRun.State.DONE or begun.total != deals:
        raise RuntimeError(f"the sync ended as {begun.state} with {begun.total} deals: {begun.detail}")
    needed = 2 * math.ceil(deals / PAGE)
    limit = (needed + made - begun.api_requests) / PER_SECOND
    return (
        f"{whole(deals)} deals",
        whole(begun.api_requests),
        times(begun.api_requests / needed),
        f"{seconds:.1f}",
        times(seconds / limit),
        f"{1000 * cpu / deals:.2f}",
        whole(peak / 1024),
        *_applied(delays),
    )


def _applied(delays: Sequence[float]) -> Sequence[str]:
    if not delays:
        return ("–",) * 4
    hooks = len(delays) * LIVE_HOOKS
    late = (f"{sorted(delays)[int(share * len(delays))]:.2f}" for share in (0.5, 0.95))
    return whole(hooks), f"{hooks / sum(delays):.0f}", *late


def _moves(crm: Sandbox) -> list[bytes]:
    """What hooks tell of deals that move: the newest ones, which the sync comes to last."""
    crm.hook_faults.lose_all = True
    crm.demo.subscribe(NOWHERE, ["status_lead"])
    stage = crm.demo.pipelines.main.stages[2].id
    for deal_id in sorted(crm.demo.deals.by_id)[-2000:]:
        crm.demo.deals.move(deal_id, stage)
    return told(crm)


def _apply_live(account: UserAccount, hooks: Sequence[bytes], worker: subprocess.Popen[str]) -> list[float]:
    """Seconds from stored to applied, of each batch of live hooks."""
    delays: list[float] = []
    for start in range(0, len(hooks), LIVE_HOOKS):
        try:
            worker.wait(EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            began = time.monotonic()
            deliver(account, hooks[start : start + LIVE_HOOKS])
            drain_all(account)
            delays.append(time.monotonic() - began)
        else:
            break
    return delays
