"""The same rows in one table and in one that is partitioned by month, on PostgreSQL, and what each costs."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from benchmarks.tables import Table, times, whole
from leads.models import UserAccount

ACCOUNTS = 1_000
MONTHS = 12
AT_ONCE = 1_000_000
LOOKS = 200
NUMBERS = "generate_series(%(from)s::bigint, %(to)s::bigint) AS n"
HEADS = ("", "one table", "by month", "by month to one table")
NO_PARTITIONS = Table("By month", ("Only PostgreSQL has partitions: give a DATABASE_URL.",))


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows that are kept in two ways: in the table of `model`, and in one more by the months of `moment`. `fill` is the
    SQL of their columns and values."""

    model: type[Model]
    moment: str
    fill: str

    @property
    def plain(self) -> str:
        return self.model._meta.db_table

    @property
    def by_month(self) -> str:
        return f"{self.plain}_by_month"

    @property
    def tables(self) -> tuple[str, str]:
        return self.plain, self.by_month


def filled(kept: Kept, rows: int) -> list[date]:
    """Both tables, of as many accounts. The first days of the months."""
    UserAccount.objects.bulk_create(UserAccount(name=f"Bench {number}") for number in range(ACCOUNTS))
    months = _last_months()
    _make_by_month(kept, months)
    for table in kept.tables:
        _fill(kept, table, rows, months)
    return months


def row(name: str, plain: float, by_month: float) -> tuple[str, ...]:
    return name, f"{plain:,.3f}", f"{by_month:,.3f}", times(by_month / plain)


def _last_months() -> list[date]:
    """The first days of the last twelve months, of this one and of the next, oldest first."""
    today = timezone.now().date()
    places = [today.year * 12 + today.month - 1 + offset for offset in range(-MONTHS + 1, 2)]
    return [date(place // 12, place % 12 + 1, 1) for place in places]


def _make_by_month(kept: Kept, months: list[date]) -> None:
    """The product's table, its indexes and what is unique in it once more. A partition's key has to be in each key."""
    plain, by_month, moment = kept.plain, kept.by_month, kept.moment
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {by_month} (LIKE {plain} INCLUDING DEFAULTS) PARTITION BY RANGE ({moment})")
        cursor.execute(f"ALTER TABLE {by_month} ADD PRIMARY KEY (id, {moment})")
        cursor.execute(f"CREATE SEQUENCE {by_month}_id_seq OWNED BY {by_month}.id")
        cursor.execute(f"ALTER TABLE {by_month} ALTER id SET DEFAULT nextval('{by_month}_id_seq')")
        cursor.execute(
            f"ALTER TABLE {by_month} ADD FOREIGN KEY (user_account_id) REFERENCES user_accounts "
            "DEFERRABLE INITIALLY DEFERRED"
        )
        for index in [*kept.model._meta.indexes, *kept.model._meta.constraints]:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [index.name])
            definition = str(cursor.fetchone()[0])
            cursor.execute(definition.replace(index.name, f"{index.name}_m").replace(f".{plain} ", f".{by_month} "))
        for number, (begins, ends) in enumerate(itertools.pairwise(months)):
            cursor.execute(
                f"CREATE TABLE {by_month}_{number} PARTITION OF {by_month} FOR VALUES FROM (%s) TO (%s)", [begins, ends]
            )


def _fill(kept: Kept, table: str, rows: int, months: list[date]) -> None:
    fill = f"INSERT INTO {table} {kept.fill}"
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
        unique = "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conrelid = %s::regclass"
        cursor.execute(unique, [table])
        for (name,) in cursor.fetchall():  # comes back as an index, which holds the same
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        keys = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = "
        cursor.execute(f"{keys} %s::regclass", [table])
        foreign = dict(cursor.fetchall())
        for name in indexes:
            cursor.execute(f"DROP INDEX IF EXISTS {name}")
        for name in foreign:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        yield
        for made in indexes.values():
            cursor.execute(made.replace(" ON ONLY ", " ON "))  # its partitions' too
        for name, made in foreign.items():
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}")


def beside(kept: Kept, measure: Callable[[str], float], rounds: int) -> list[float]:
    """The median of each table, measured in turns, so that what else the machine does falls on both."""
    measured: dict[str, list[float]] = {table: [] for table in kept.tables}
    for _ in range(rounds):
        for table in kept.tables:
            measured[table].append(measure(table))
    return [statistics.median(measured[table]) for table in kept.tables]


def milliseconds(statement: str, *parameters: Any, times_done: int = LOOKS) -> float:
    """Of one execution, each a transaction of its own."""
    with connection.cursor() as cursor:
        started = time.perf_counter()
        for _ in range(times_done):
            cursor.execute(statement, parameters)
            if cursor.description:
                cursor.fetchall()
        return (time.perf_counter() - started) * 1000 / times_done


def each(statement: Callable[[], tuple[str, list[Any]]], times_done: int = LOOKS) -> float:
    """The median of so many different ones, in milliseconds."""
    taken = []
    for _ in range(times_done):
        sql, parameters = statement()
        taken.append(milliseconds(sql, *parameters, times_done=1))
    return statistics.median(taken)


def megabytes(table: str) -> float:
    with connection.cursor() as cursor:
        # Nothing of a partitioned table is in itself, and a plain one has no partition tree.
        parts = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s::regclass) WHERE isleaf"
        cursor.execute(f"SELECT coalesce(({parts}), pg_total_relation_size(%s::regclass)) / 1e6", [table, table])
        return float(cursor.fetchone()[0])
