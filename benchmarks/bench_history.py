"""Does it pay to keep the history of stages by month? The same rows in one table and in a partitioned one.

Measured at `--rows`: storing a change, what a drain, a lead's card and the funnel read, the admin's first page, and
erasing what a lead went through.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

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
    each,
    filled,
    megabytes,
    milliseconds,
    row,
)
from benchmarks.options import Options
from benchmarks.tables import Table, whole
from integrations.drain.deliveries import BATCH_ROWS
from leads.models import LeadStatusHistory, UserAccount

STAGES = 4  # of each deal, a day after each other
FUNNEL_LEADS = 2_000
# The deals of a thousand neighbouring numbers move at one time, each of another account.
HISTORY = Kept(
    LeadStatusHistory,
    "changed_at",
    f"""
        (user_account_id, lead_id, amocrm_lead_id, from_pipeline_id, from_status_id, to_pipeline_id, to_status_id,
            changed_at, tie, webhook_data, learnt_at)
        SELECT (%(accounts)s::uuid[])[1 + deal %% {ACCOUNTS}], deal, deal, CASE WHEN step > 0 THEN 1 END,
            CASE WHEN step > 0 THEN 10 + step END, 1, 11 + step, at, 0, jsonb_build_object('delivery_id', n), at
        FROM (
            SELECT n, n / {STAGES * 1000} * 1000 + n %% 1000 AS deal, n / 1000 %% {STAGES} AS step,
                %(begins)s::timestamptz + (now() - interval '{STAGES} days' - %(begins)s)
                    * ((n / {STAGES * 1000})::float / (%(rows)s / {STAGES * 1000} + 1))
                    + interval '1 day' * (n / 1000 %% {STAGES}) AS at
            FROM {NUMBERS}
        ) AS changes
    """,
)


def run(options: Options) -> list[Table]:
    if connection.vendor != "postgresql":
        return [NO_PARTITIONS]
    with connection.cursor() as cursor:  # of deals that nothing else is known of
        cursor.execute(f"ALTER TABLE {HISTORY.plain} DISABLE TRIGGER USER")
        keys = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass AND confrelid = "
        cursor.execute(f"{keys} 'leads'::regclass", [HISTORY.plain])
        cursor.execute(f"ALTER TABLE {HISTORY.plain} DROP CONSTRAINT {cursor.fetchone()[0]}")
    filled(HISTORY, options.rows)
    deals = options.rows // STAGES // 1000 * 1000
    shown = Table(f"History by month, at {whole(options.rows)} rows", HEADS)
    for name, measure in {
        "store a change, ms": _changed,
        "a lead's card, ms": _card,
        f"{BATCH_ROWS} deals for a drain, ms": _for_drain,
        f"{whole(FUNNEL_LEADS)} leads for the funnel, ms": _for_funnel,
        "the admin's first page, ms": _newest_changes,
        "erase a deal's, ms": _erased,
    }.items():
        shown.rows.append(row(name, *beside(HISTORY, partial(measure, deals=deals), options.rounds)))
    shown.rows.append(row("size with indexes, MB", *map(megabytes, HISTORY.tables)))
    shown.notes.append(f"{whole(ACCOUNTS)} accounts, {MONTHS} months, {STAGES} stages a deal. Medians.")
    return [shown]


def _changed(table: str, deals: int) -> float:
    """As the drain stores it, of a deal that nobody has heard of."""
    account = UserAccount.objects.values_list("pk", flat=True)[0]
    statement = f"""
        INSERT INTO {table} (user_account_id, lead_id, amocrm_lead_id, to_pipeline_id, to_status_id, changed_at, tie,
            webhook_data)
        VALUES (%s, %s, %s, 1, 11, now(), 0, '{{"delivery_id": 1}}')
    """
    return each(lambda: (statement, [account, deals, random.randrange(deals, 10**12)]))


def _card(table: str, deals: int) -> float:
    statement = f"SELECT * FROM {table} WHERE lead_id = %s ORDER BY changed_at, tie, id"
    return each(lambda: (statement, [random.randrange(deals)]))


def _for_drain(table: str, deals: int) -> float:
    """Of one account: every thousandth deal is its."""
    accounts = list(UserAccount.objects.values_list("pk", flat=True))
    statement = f"SELECT * FROM {table} WHERE user_account_id = %s AND amocrm_lead_id = ANY(%s)"

    def some() -> tuple[str, list[Any]]:
        at = random.randrange(ACCOUNTS)
        theirs = range(at, deals, ACCOUNTS)
        return statement, [accounts[at], random.sample(theirs, min(BATCH_ROWS, len(theirs)))]

    return each(some, LOOKS // 10)


def _for_funnel(table: str, deals: int) -> float:
    statement = f"SELECT lead_id, to_pipeline_id, to_status_id FROM {table} WHERE lead_id = ANY(%s)"
    return each(lambda: (statement, [random.sample(range(deals), min(FUNNEL_LEADS, deals))]), LOOKS // 20)


def _newest_changes(table: str, deals: int) -> float:
    return milliseconds(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 25")


def _erased(table: str, deals: int) -> float:
    return each(lambda: (f"DELETE FROM {table} WHERE lead_id = %s", [random.randrange(deals)]))
