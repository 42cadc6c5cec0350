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
from benchmarks.tables import Table, times, whole
from benchmarks.world import delivery_body, new_account
from integrations.intake.signature import hook_url
from integrations.models import Hook, WebhookLog

CONNECTIONS = (16, 64)
WARM_UP_SECONDS = 1.0
HEADS = ("stored before the answer", "conn.", "req/s", "p50 ms", "p99 ms", "to bare Django", "to raw INSERT")


@dataclass(slots=True)
class Subject:
    """What is measured, and the figures by number of connections. `lost`: acknowledged, and yet no row."""

    name: str
    measure: Callable[[int, float], Figures]
    figures: dict[int, list[Figures]] = field(default_factory=dict)
    lost: int = 0

    def median(self, connections: int, name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in self.figures[connections]))


def run(options: Options) -> list[Table]:
    account, body = new_account(), delivery_body()
    hook = urlsplit(hook_url(account, Hook.AMOCRM))
    with servers.serving("config.wsgi") as product, servers.serving("benchmarks.bare") as bare:
        subjects = [
            _posting("the hook", f"{product}{hook.path}?{hook.query}", body),
            _posting("a bare Django view, ORM create", f"{bare}/bare?user_id={account.pk}", body),
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


def _posting(name: str, url: str, body: bytes) -> Subject:
    return Subject(name, lambda connections, seconds: load.post(url, body, connections=connections, seconds=seconds))


def _measure(subject: Subject, connections: int, seconds: float) -> None:
    """One measurement on an empty table, and a count of the rows that it left."""
    _empty()
    figures = subject.measure(connections, seconds)
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
            table.rows.append(
                (
                    subject.name,
                    str(connections),
                    whole(rate),
                    f"{subject.median(connections, 'p50'):.1f}",
                    f"{subject.median(connections, 'p99'):.1f}",
                    times(rate / bare.median(connections, "per_second")),
                    times(rate / raw.median(connections, "per_second")),
                )
            )
    lost = {subject.name: subject.lost for subject in subjects if subject.lost}
    table.notes.append(
        f"A body of {body_bytes:,} bytes; medians of {options.rounds} runs of {options.seconds:g} s each. "
        + (f"ACKNOWLEDGED AND NOT STORED: {lost}." if lost else "Every acknowledged delivery is a row: counted.")
    )
    if not load.has_wrk():
        table.notes.append(load.ADVICE)
    return table
