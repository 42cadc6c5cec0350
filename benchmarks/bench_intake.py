"""Intake: requests a second and their latencies, beside a bare Django view and beside the database alone."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.db import connection

from benchmarks import floor, load, servers
from benchmarks.load import Figures
from benchmarks.options import Options
from benchmarks.servers import Server
from benchmarks.tables import Table, times, whole
from benchmarks.world import delivery_body, new_account
from integrations.intake.signature import hook_url
from integrations.models import Hook, WebhookLog

CONNECTIONS = (16, 64)
WARM_UP_SECONDS = 1.0
# How Django is mostly served.
USUAL = ("--worker-class", "gthread", "--threads", "4")
HEADS = ("stored before the answer", "conn.", "req/s", "p50 ms", "p99 ms", "CPU ms", "to bare Django", "to raw INSERT")


@dataclass(slots=True)
class Subject:
    """What is measured, and the figures by number of connections. `lost`: acknowledged, and yet no row."""

    name: str
    measure: Callable[[int, float], Figures]
    figures: dict[int, list[Figures]] = field(default_factory=dict)
    server: Server | None = None
    cpu_seconds: float = 0.0
    lost: int = 0

    @property
    def cpu_milliseconds(self) -> str:
        """The server's, per request, over all measurements."""
        requests = sum(one.acknowledged for runs in self.figures.values() for one in runs)
        return f"{self.cpu_seconds * 1000 / requests:.2f}" if self.server else "–"

    def median(self, connections: int, name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in self.figures[connections]))


def run(options: Options) -> list[Table]:
    account, body = new_account(), delivery_body()
    hook = urlsplit(hook_url(account, Hook.AMOCRM))
    with servers.serving("config.asgi") as product, servers.serving("benchmarks.bare", *USUAL) as bare:
        subjects = [
            _posting("the hook", product, f"{hook.path}?{hook.query}", body),
            _posting("a bare Django view, ORM create", bare, f"/bare?user_id={account.pk}", body),
            Subject(
                "raw INSERT … COMMIT, no HTTP",
                lambda connections, seconds: floor.insert(account.pk, body, connections=connections, seconds=seconds),
            ),
        ]
        for subject in subjects:
            subject.measure(CONNECTIONS[0], WARM_UP_SECONDS)
        for turn in range(options.rounds):
            print(f"  round {turn + 1} of {options.rounds}", file=sys.stderr, flush=True)
            for connections in CONNECTIONS:
                for subject in subjects:
                    _measure(subject, connections, options.seconds)
    return [_table(subjects, len(body), options)]


def _posting(name: str, server: Server, path: str, body: bytes) -> Subject:
    def measure(connections: int, seconds: float) -> Figures:
        return load.post(f"{server.url}{path}", body, connections=connections, seconds=seconds)

    return Subject(name, measure, server=server)


def _measure(subject: Subject, connections: int, seconds: float) -> None:
    """One measurement on an empty table, and a count of the rows that it left."""
    _empty()
    used = subject.server.cpu_seconds() if subject.server else 0.0
    figures = subject.measure(connections, seconds)
    subject.cpu_seconds += subject.server.cpu_seconds() - used if subject.server else 0.0
    if figures.refused:
        raise RuntimeError(f"{subject.name}: {figures.refused} requests were refused, so the figures mean nothing")
    subject.figures.setdefault(connections, []).append(figures)
    subject.lost += max(0, figures.acknowledged - WebhookLog.objects.count())


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM webhook_logs" if connection.vendor == "sqlite" else "TRUNCATE webhook_logs CASCADE")


def _table(subjects: list[Subject], body_bytes: int, options: Options) -> Table:
    _, bare, raw = subjects
    table = Table("Intake", HEADS)
    for connections in CONNECTIONS:
        for subject in subjects:
            rate = subject.median(connections, "per_second")
            latencies = (f"{subject.median(connections, name):.1f}" for name in ("p50", "p99"))
            ratios = (times(rate / other.median(connections, "per_second")) for other in (bare, raw))
            table.rows.append(
                (subject.name, str(connections), whole(rate), *latencies, subject.cpu_milliseconds, *ratios)
            )
    lost = {subject.name: subject.lost for subject in subjects if subject.lost}
    table.notes += [
        f"A body of {body_bytes:,} bytes; medians of {options.rounds} runs of {options.seconds:g} s each.",
        "CPU: the server's own, per request.",
        f"ACKNOWLEDGED AND NOT STORED: {lost}." if lost else "Every acknowledged delivery is a row: counted.",
    ]
    if not load.has_wrk():
        table.notes.append(load.ADVICE)
    return table
