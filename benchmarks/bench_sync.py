"""The first sync at amoCRM's limit of seven requests a second: requests, time and memory, at two sizes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.options import Options
from benchmarks.servers import ROOT
from benchmarks.tables import Table, times, whole
from benchmarks.world import connect, in_its_own_process, new_account
from integrations.models import SyncRun
from integrations.sync import runs
from sandbox import Sandbox, seed_bulk

SIZES = (20_000, 100_000)
PER_SECOND = 7
PAGE = 250
HEADS = ("first sync", "requests", "to needed", "seconds", "to the limit", "peak memory, MB")


def run(options: Options, sizes: Sequence[int] = SIZES) -> list[Table]:
    table = Table("Sync", HEADS)
    for deals in sizes:
        table.rows.append(_measured(deals))
    table.notes.append("As many contacts as deals; needed are deals ÷ 250 + contacts ÷ 250 requests, at 7 a second.")
    return [table]


def _measured(deals: int) -> Sequence[str]:
    account, crm = new_account(), Sandbox(requests_per_second=PER_SECOND)
    seed_bulk(crm.demo, deals)
    connect(account, crm)
    with in_its_own_process(crm) as remote:
        del crm
        begun = runs.start(account)
        seconds, peak = _in_a_worker(begun.pk, remote.url)
    begun.refresh_from_db()
    if begun.state != SyncRun.State.DONE or begun.total != deals:
        raise RuntimeError(f"the sync ended as {begun.state} with {begun.total} deals: {begun.detail}")
    needed = 2 * math.ceil(deals / PAGE)
    return (
        f"{whole(deals)} deals",
        whole(begun.api_requests),
        times(begun.api_requests / needed),
        f"{seconds:.1f}",
        times(seconds / (needed / PER_SECOND)),
        whole(peak / 1024),
    )


def _in_a_worker(run_id: int, url: str) -> tuple[float, int]:
    """Seconds, and the peak of memory in kB, of a fresh process that does nothing else."""
    command = [sys.executable, "-m", "benchmarks.sync_worker", str(run_id), url, str(PER_SECOND)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seconds, peak = json.loads(printed.splitlines()[-1])
    return seconds, peak
