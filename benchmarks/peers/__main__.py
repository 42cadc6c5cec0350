"""`python -m benchmarks.peers`: the table goes to stdout, what is being done to stderr."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import load
from benchmarks.__main__ import header, set_up, tear_down
from benchmarks.load import Figures
from benchmarks.scratch import scratch_database, scratch_folder
from benchmarks.tables import Table, times, whole
from soak.servers import Postgres

if TYPE_CHECKING:
    from benchmarks.peers.receivers import Receiver

CONNECTIONS = (16, 64)
WARM_UP_SECONDS = 2.0
KILL_AFTER_SECONDS = 3.0
# Without a new row for so long, all is stored.
IDLE_SECONDS = 1.0
HEADS = (
    *("one row per delivery, PostgreSQL", "conn.", "answers/s", "stored/s", "p50 ms", "p99 ms", "max ms"),
    *("Voronka answers", "Voronka stores", "unstored", "lost"),
)


@dataclass(slots=True)
class Measured:
    """A receiver's figures by number of connections; `unstored`: acknowledged under load, and in the end no row."""

    receiver: Receiver
    figures: dict[int, list[Figures]] = field(default_factory=dict)
    stored: dict[int, list[float]] = field(default_factory=dict)
    unstored: int = 0
    acknowledged_before_kill: int = 0
    lost_by_kill: int = 0

    def median(self, connections: int, name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in self.figures[connections]))

    def stored_per_second(self, connections: int) -> float:
        """Rows, by the time until the last of them was there."""
        return statistics.median(self.stored[connections])


def main() -> int:
    options = arguments()
    with scratch_folder() as folder, postgresql(folder) as url, scratch_database(url) as database_url:
        set_up(folder, database_url)
        print(header(url, "benchmarks.peers"))
        print(f"\n{run(folder, options)}", flush=True)
        tear_down()
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load per measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement; the median counts")
    return parser.parse_args()


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The server of DATABASE_URL, else one of our own: as it comes, so that a commit is on the disk."""
    given = os.environ.get("DATABASE_URL", "")
    if given:
        yield given
        return
    server = Postgres(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop("immediate")


def run(folder: Path, options: argparse.Namespace) -> Table:
    from django.db import connection

    from benchmarks.peers import receivers
    from benchmarks.peers.killing import lost_by_kill
    from benchmarks.world import delivery_body, new_account

    account, body = new_account(), delivery_body()
    with connection.cursor() as cursor:
        cursor.execute(receivers.PEER_SCHEMA)
    with ExitStack() as stack:
        started = (
            receivers.product(account),
            receivers.fastify(account, answers_first=True, writes_outcome=False),
            receivers.fastify(account, answers_first=True, writes_outcome=True),
            receivers.fastify(account, answers_first=False, writes_outcome=False),
            receivers.fastify(account, answers_first=False, writes_outcome=True),
            receivers.node_red(account, folder),
            receivers.plain_django(account, folder),
        )
        all_measured = [Measured(stack.enter_context(receiver)) for receiver in started]
        for measured in all_measured:
            load.post(measured.receiver.url, body, connections=CONNECTIONS[0], seconds=WARM_UP_SECONDS)
        for turn in range(options.rounds):
            print(f"round {turn + 1} of {options.rounds} …", file=sys.stderr, flush=True)
            for connections in CONNECTIONS:
                for measured in all_measured:
                    measure(measured, body, connections, options.seconds)
        print("kill -9 …", file=sys.stderr, flush=True)
        for measured in all_measured:
            measured.acknowledged_before_kill, measured.lost_by_kill = lost_by_kill(
                measured.receiver, body, connections=CONNECTIONS[-1], seconds=KILL_AFTER_SECONDS
            )
    return table(all_measured, len(body), options)


def measure(measured: Measured, body: bytes, connections: int, seconds: float) -> None:
    """One measurement on an empty table, and a count of the rows that it left.

    :raises RuntimeError: some deliveries were refused.
    """
    receiver = measured.receiver
    receiver.empty()
    started = time.monotonic()
    figures = load.post(receiver.url, body, connections=connections, seconds=seconds)
    ended = time.monotonic()
    if figures.refused:
        raise RuntimeError(f"{receiver.name}: {figures.refused} requests were refused, so the figures mean nothing")
    rows, last_row_at = wait_until_idle(receiver, since=ended)
    measured.figures.setdefault(connections, []).append(figures)
    measured.stored.setdefault(connections, []).append(rows / (last_row_at - started))
    measured.unstored += max(0, figures.acknowledged - rows)


def wait_until_idle(receiver: Receiver, *, since: float) -> tuple[int, float]:
    """The rows in the end, and when the last of them was seen: who answers first goes on storing for a while."""
    rows, last_row_at = receiver.rows(), since
    while time.monotonic() < last_row_at + IDLE_SECONDS:
        time.sleep(0.1)
        if rows != (rows := receiver.rows()):
            last_row_at = time.monotonic()
    return rows, last_row_at


def table(all_measured: list[Measured], body_bytes: int, options: argparse.Namespace) -> Table:
    ours = all_measured[0]
    made = Table("Intake beside its peers", HEADS)
    for connections in CONNECTIONS:
        for measured in all_measured:
            rate = measured.median(connections, "per_second")
            latencies = (f"{measured.median(connections, name):.1f}" for name in ("p50", "p99", "longest"))
            stored = measured.stored_per_second(connections)
            ratios = (
                times(ours.median(connections, "per_second") / rate),
                times(ours.stored_per_second(connections) / stored),
            )
            counted = (
                whole(measured.unstored),
                f"{whole(measured.lost_by_kill)} of {whole(measured.acknowledged_before_kill)}",
            )
            made.rows.append(
                (measured.receiver.name, str(connections), whole(rate), whole(stored), *latencies, *ratios, *counted)
            )
    made.notes += [
        f"A body of {body_bytes:,} bytes; medians of {options.rounds} runs of {options.seconds:g} s each, in turn.",
        "stored/s: rows by the time until the last was there. Voronka answers, stores: its rate to this one's.",
        "unstored: acknowledged under load, and no row in the end.",
        f"lost: of those acknowledged until a kill -9 after {KILL_AFTER_SECONDS:g} s at {CONNECTIONS[-1]} connections.",
    ]
    if not load.has_wrk():
        made.notes.append(load.ADVICE)
    return made


if __name__ == "__main__":
    sys.exit(main())
