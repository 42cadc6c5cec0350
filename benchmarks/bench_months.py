"""Does it pay to keep deliveries by month? The same rows in one table and in a partitioned one, on PostgreSQL.

Measured at `--rows`: storing one more delivery, the admin's first page, one delivery by its id, and forgetting the
oldest month (rows deleted batch by batch, or a partition dropped).
"""

from __future__ import annotations

import time
from datetime import date

from django.db import connection

from benchmarks.by_month import (
    ACCOUNTS,
    HEADS,
    LOOKS,
    MONTHS,
    NO_PARTITIONS,
    NUMBERS,
    Kept,
    beside,
    filled,
    megabytes,
    milliseconds,
    row,
)
from benchmarks.options import Options
from benchmarks.tables import Table, whole
from benchmarks.world import delivery_body
from integrations.models import WebhookLog
from leads.models import UserAccount

BATCH = 1_000
# As a year leaves them: told of in the order of their ids, nearly all applied; with short bodies, so that many fit.
DELIVERIES = Kept(
    WebhookLog,
    "received_at",
    f"""
        (user_account_id, source, received_at, raw_body, processing_status, lead_id, routing_decision)
        SELECT (%(accounts)s::uuid[])[1 + n %% {ACCOUNTS}], 'amocrm',
            %(begins)s::timestamptz + (now() - %(begins)s) * (n::float / %(rows)s),
            convert_to('leads[status][0][id]=' || n, 'UTF8'),
            CASE WHEN n %% 50 = 0 THEN 'ignored' ELSE 'success' END, n / 5, 'traffic'
        FROM {NUMBERS}
    """,
)


def run(options: Options) -> list[Table]:
    if connection.vendor != "postgresql":
        return [NO_PARTITIONS]
    months = filled(DELIVERIES, options.rows)
    shown = Table(f"Deliveries by month, at {whole(options.rows)} rows", HEADS)
    shown.rows.append(row("store a delivery, ms", *beside(DELIVERIES, _stored, options.rounds)))
    shown.rows.append(row("the admin's first page, ms", *beside(DELIVERIES, _first_page, options.rounds)))
    shown.rows.append(row("one delivery by its id, ms", *beside(DELIVERIES, _one, options.rounds)))
    shown.rows.append(row("forget the oldest month, s", _deleted(months), _dropped()))
    shown.rows.append(row("size with indexes, MB", *map(megabytes, DELIVERIES.tables)))
    shown.notes.append(f"{whole(ACCOUNTS)} accounts, {MONTHS} months. Deleted in batches of {whole(BATCH)}.")
    return [shown]


def _stored(table: str) -> float:
    account = UserAccount.objects.values_list("pk", flat=True)[0]
    statement = f"INSERT INTO {table} (user_account_id, source, raw_body) VALUES (%s, 'amocrm', %s)"
    return milliseconds(statement, account, delivery_body(), times_done=10 * LOOKS)


def _first_page(table: str) -> float:
    """Of a superuser, who sees all accounts."""
    return milliseconds(
        f"SELECT * FROM {table} d JOIN user_accounts a ON a.id = d.user_account_id ORDER BY d.id DESC LIMIT 100"
    )


def _one(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(id) / 2 FROM {table}")
        middle = cursor.fetchone()[0]
    return milliseconds(f"SELECT * FROM {table} WHERE id = %s", middle)


def _deleted(months: list[date]) -> float:
    started = time.perf_counter()
    statement = (
        f"DELETE FROM {DELIVERIES.plain} WHERE id IN (SELECT id FROM {DELIVERIES.plain} "
        f"WHERE id > %s AND received_at < %s ORDER BY id LIMIT {BATCH}) RETURNING id"
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
        cursor.execute(f"DROP TABLE {DELIVERIES.by_month}_0")
    return time.perf_counter() - started
