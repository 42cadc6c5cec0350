"""The rollups beside the rows that they stand for: what is left when the one is taken from the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import TruncDate

from analytics.rollups.folding import is_folded
from analytics.rollups.ledgers import LEDGERS, SALES, Ledger, day_of_rate, table_of
from leads.models import UserAccount


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines of `table` that say more than the rows (or less, where a figure is negative)."""

    table: str
    keys: Mapping[str, Any]
    more: Mapping[str, Any]

    def __str__(self) -> str:
        said = [" ".join(f"{name}={value}" for name, value in part.items()) for part in (self.keys, self.more)]
        return f"{self.table}: {said[0]}: {said[1]} too many"


def check_rollups(account: UserAccount) -> Iterator[Difference]:
    """Every difference, by the account's day and the keys of a line. Writes nothing, and may run at any time.

    None for an account whose lines are not made: its reports read the rows. Days are those of the database's calendar;
    where that is older than Python's, rows near midnight are told as differences.
    """
    if not is_folded(account):
        return
    for ledger in LEDGERS:
        yield from _differences(ledger, account, ledger.rollup, _keys(ledger, account))
        if ledger.counting:
            exact: dict[str, Combinable] = {name: F(name) for name in ("lead_id", "at", *ledger.keys, *ledger.blurred)}
            yield from _differences(ledger, account, ledger.counting.kept, exact)


def _keys(ledger: Ledger, account: UserAccount) -> dict[str, Combinable]:
    """Lengths of stays are left out: on busy days they are rounded."""
    keys: dict[str, Combinable] = {"day": TruncDate("at", tzinfo=account.zone)}
    keys |= {name: F(name) for name in ledger.keys}
    return keys | ({"rate_on": day_of_rate(account, ledger.rollup.objects.none())} if ledger is SALES else {})


def _differences(
    ledger: Ledger, account: UserAccount, lines: Any, keys: Mapping[str, Combinable]
) -> Iterator[Difference]:
    """By one statement, so that lines and rows are those of one moment."""
    by = {f"by_{name}": key for name, key in keys.items()}
    sums = {f"sum_{name}": F(name) for name in ledger.sums}
    parts, values = [], []
    for rows, sign in ((lines, 1), (ledger.contribution, -1)):
        mine = rows.objects.filter(user_account=account).order_by()
        sql, params = mine.values(**by, **sums, sign=Value(sign)).query.sql_with_params()
        parts.append(sql)
        values += params
    left = [f"ROUND(SUM(sign * {name}), 2)" for name in sums]
    query = (
        f"SELECT {', '.join([*by, *left])} FROM ({' UNION ALL '.join(parts)}) AS both_sides "  # noqa: S608 - our names
        f"GROUP BY {', '.join(by)} HAVING {' OR '.join(f'{figure} <> 0' for figure in left)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        for row in cursor.fetchall():
            found = dict(zip([*keys, *ledger.sums], row, strict=True))
            more = {name: found.pop(name) for name in ledger.sums}
            yield Difference(table_of(lines), found, more)
