"""Does it pay to keep deliveries by month? The same rows in one table and in a partitioned one, on PostgreSQL.

Measured at `--rows`: storing one more delivery, the admin's first page, one delivery by its id, and forgetting the
oldest month (rows deleted batch by batch, or a partition dropped).
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks.options import Options
from benchmarks.tables import Table, times, whole
from benchmarks.world import delivery_body
from integrations.models import WebhookLog
from leads.models import UserAccount

ACCOUNTS = 1_000
MONTHS = 12
AT_ONCE = 1_000_000
BATCH = 1_000
LOOKS = 200
TABLES = PLAIN, BY_MONTH = WebhookLog._meta.db_table, "webhook_logs_by_month"
HEADS = ("", "one table", "by month", "by month to one table")


def run(options: Options) -> list[Table]:
    if connection.vendor != "postgresql":
        return [Table("Deliveries by month", ("Only PostgreSQL has partitions: give a DATABASE_URL.",))]
    UserAccount.objects.bulk_create(UserAccount(name=f"Bench {number}") for number in range(ACCOUNTS))
    months = _last_months()
    _make_by_month(months)
    for table in TABLES:
        _fill(table, options.rows, months)
    shown = Table(f"Deliveries by month, at {whole(options.rows)} rows", HEADS)
    shown.rows.append(_row("store a delivery, ms", *_beside(_stored, options.rounds)))
    shown.rows.append(_row("the admin's first page, ms", *_beside(_first_page, options.rounds)))
    shown.rows.append(_row("one delivery by its id, ms", *_beside(_one, options.rounds)))
    shown.rows.append(_row("forget the oldest month, s", _deleted(months), _dropped()))
    shown.rows.append(_row("size with indexes, MB", *map(_megabytes, TABLES)))
    shown.notes.append(f"{whole(ACCOUNTS)} accounts, {MONTHS} months. Deleted in batches of {whole(BATCH)}.")
    return [shown]


def _row(name: str, plain: float, by_month: float) -> tuple[str, ...]:
    return name, f"{plain:,.3f}", f"{by_month:,.3f}", times(by_month / plain)


def _last_months() -> list[date]:
    """The first days of the last twelve months, of this one and of the next, oldest first."""
    today = timezone.now().date()
    places = [today.year * 12 + today.month - 1 + offset for offset in range(-MONTHS + 1, 2)]
    return [date(place // 12, place % 12 + 1, 1) for place in places]


def _make_by_month(months: list[date]) -> None:
    """The product's table and its indexes once more. A partition's key has to be in the primary key."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {BY_MONTH} (LIKE {PLAIN} INCLUDING DEFAULTS) PARTITION BY RANGE (received_at)")
        cursor.execute(f"ALTER TABLE {BY_MONTH} ADD PRIMARY KEY (id, received_at)")
        cursor.execute(f"CREATE SEQUENCE {BY_MONTH}_id_seq OWNED BY {BY_MONTH}.id")
        cursor.execute(f"ALTER TABLE {BY_MONTH} ALTER id SET DEFAULT nextval('{BY_MONTH}_id_seq')")
        cursor.execute(
            f"ALTER TABLE {BY_MONTH} ADD FOREIGN KEY (user_account_id) REFERENCES user_accounts "
            "DEFERRABLE INITIALLY DEFERRED"
        )
        for index in WebhookLog._meta.indexes:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [index.name])
            definition = str(cursor.fetchone()[0])
            cursor.execute(definition.replace(index.name, f"{index.name}_m").replace(f".{PLAIN} ", f".{BY_MONTH} "))
        for number, (begins, ends) in enumerate(itertools.pairwise(months)):
            cursor.execute(
                f"CREATE TABLE {BY_MONTH}_{number} PARTITION OF {BY_MONTH} FOR VALUES FROM (%s) TO (%s)", [begins, ends]
            )


def _fill(table: str, rows: int, months: list[date]) -> None:
    """Rows as a year leaves them: told of in the order of their ids, nearly all applied; with short bodies, so that
    many fit."""
    fill = f"""
        INSERT INTO {table}
            (user_account_id, source, received_at, raw_body, processing_status, lead_id, routing_decision)
        SELECT (%(accounts)s::uuid[])[1 + n %% {ACCOUNTS}], 'amocrm',
            %(begins)s::timestamptz + (now() - %(begins)s) * (n::float / %(rows)s),
            convert_to('leads[status][0][id]=' || n, 'UTF8'),
            CASE WHEN n %% 50 = 0 THEN 'ignored' ELSE 'success' END, n / 5, 'traffic'
        FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n
    """
    accounts = [str(pk) for pk in UserAccount.objects.values_list("pk", flat=True)]
    with connection.cursor() as cursor, _without_indexes(table):
        for start in range(0, rows, AT_ONCE):
            end = min(start + AT_ONCE, rows) - 1
            given: dict[str, Any] = {"accounts": accounts, "begins": months[0], "rows": rows, "from": start, "to": end}
            cursor.execute(fill, given)
            print(f"{table}: {whole(end + 1)} rows", file=sys.stderr, flush=True)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {table}")


@contextmanager
def _without_indexes(table: str) -> Iterator[None]:
    """Fifty million rows are stored in a tenth of the time when what else is kept of them is made afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
        indexes = {name: made for name, made in cursor.fetchall() if not name.endswith("_pkey")}
        keys = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = "
        cursor.execute(f"{keys} %s::regclass", [table])
        foreign = dict(cursor.fetchall())
        for name in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for name in foreign:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        yield
        for made in indexes.values():
            cursor.execute(made.replace(" ON ONLY ", " ON "))  # its partitions' too
        for name, made in foreign.items():
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}")


def _beside(measure: Callable[[str], float], rounds: int) -> list[float]:
    """The median of each table, measured in turns, so that what else the machine does falls on both."""
    measured: dict[str, list[float]] = {table: [] for table in TABLES}
    for _ in range(rounds):
        for table in TABLES:
            measured[table].append(measure(table))
    return [statistics.median(measured[table]) for table in TABLES]


def _milliseconds(statement: str, *parameters: Any, times_done: int = LOOKS) -> float:
    """Of one execution, each a transaction of its own."""
    with connection.cursor() as cursor:
        started = time.perf_counter()
        for _ in range(times_done):
            cursor.execute(statement, parameters)
            if cursor.description:
                cursor.fetchall()
        return (time.perf_counter() - started) * 1000 / times_done


def _stored(table: str) -> float:
    account = UserAccount.objects.values_list("pk", flat=True)[0]
    statement = f"INSERT INTO {table} (user_account_id, source, raw_body) VALUES (%s, 'amocrm', %s)"
    return _milliseconds(statement, account, delivery_body(), times_done=10 * LOOKS)


def _first_page(table: str) -> float:
    """Of a superuser, who sees all accounts."""
    return _milliseconds(
        f"SELECT * FROM {table} d JOIN user_accounts a ON a.id = d.user_account_id ORDER BY d.id DESC LIMIT 100"
    )


def _one(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(id) / 2 FROM {table}")
        middle = cursor.fetchone()[0]
    return _milliseconds(f"SELECT * FROM {table} WHERE id = %s", middle)


def _deleted(months: list[date]) -> float:
    started = time.perf_counter()
    statement = (
        f"DELETE FROM {PLAIN} WHERE id IN (SELECT id FROM {PLAIN} WHERE id > %s AND received_at < %s ORDER BY id LIMIT "
        f"{BATCH}) RETURNING id"
    )
    last = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, [last, months[1]])
            gone = cursor.fetchall()
            if not gone:
                return time.perf_counter() - started
            last = max(row[0] for row in gone)


def _dropped() -> float:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {BY_MONTH}_0")
    return time.perf_counter() - started


def _megabytes(table: str) -> float:
    with connection.cursor() as cursor:
        # Nothing of a partitioned table is in itself, and a plain one has no partition tree.
        parts = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s::regclass) WHERE isleaf"
        cursor.execute(f"SELECT coalesce(({parts}), pg_total_relation_size(%s::regclass)) / 1e6", [table, table])
        return float(cursor.fetchone()[0])
