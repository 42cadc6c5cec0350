"""Folding: one line of a day's lines with the same keys. Rebuilding: all lines anew, from the rows.

Both replace the lines of a day by sums, those of the lines themselves or of the contributions. No figure that anybody
reads meanwhile changes by it, and each day is a short transaction of its own, so either may be killed anywhere.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Max, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from analytics.models.rollups import RollupState
from analytics.rollups.ledgers import LEDGERS, Counting, Ledger, Lines, table_of
from leads.clock import is_over
from leads.days import FIRST_DAY, midnight
from leads.models import Lead, UserAccount

LEASE = timedelta(minutes=1)
DAY = timedelta(days=1)


class LeaseLost(Exception):
    """Somebody else is at work on the account's lines by now."""


def is_folded(account: UserAccount) -> bool:
    """Whether the account's lines are whole, and of its present time zone and currency."""
    states = RollupState.objects.filter(user_account=account)
    return states.filter(timezone=account.timezone, currency=account.currency).exists()


def forget(states: QuerySet[RollupState]) -> None:
    """Have all lines of these accounts made anew. Whoever is at work on them stops."""
    states.update(timezone="", currency="", lease=None, lease_until=None)


def refresh(account: UserAccount, *, seconds: float = float("inf")) -> None:
    """Fold what is loose, or make all anew where the lines say nothing; then and for as long as there is time.

    Does nothing when somebody else does it.
    """
    RollupState.objects.get_or_create(user_account=account)
    lease = uuid.uuid4()
    states = RollupState.objects.filter(user_account=account)
    if not states.filter(is_over("lease_until")).update(lease=lease, lease_until=Now() + LEASE):
        return
    held = states.filter(lease=lease)
    try:
        if not is_folded(account):
            _rebuild(account, held)
        _fold(account, held, time.monotonic() + seconds)
    except LeaseLost:
        return
    finally:
        held.update(lease=None, lease_until=None)


def _fold(account: UserAccount, held: QuerySet[RollupState], ends: float) -> None:
    for ledger in LEDGERS:
        lines = ledger.rollup.objects.filter(user_account=account)
        while (at := _first(lines.filter(is_folded=False))) is not None and time.monotonic() < ends:
            _replace(ledger, account, held, at, lines)


def _rebuild(account: UserAccount, held: QuerySet[RollupState]) -> None:
    """Until it is done, reports read the rows themselves."""
    held.update(timezone="", currency="")
    for ledger in LEDGERS:
        rows = ledger.counted.objects.filter(user_account=account)
        begin = midnight(FIRST_DAY, account)
        while (at := _earliest(ledger, account, begin)) is not None:
            begin = _replace(ledger, account, held, at, rows, recount=ledger.counting)
    held.update(timezone=account.timezone, currency=account.currency)


def _earliest(ledger: Ledger, account: UserAccount, begin: datetime) -> datetime | None:
    """Asked for once a day: each table says it by its index."""
    found = (
        _first(model.objects.filter(user_account=account, **{f"{column}__gte": begin}), column)
        for model, column in (*ledger.dates, (ledger.rollup, "at"))
    )
    return min((at for at in found if at is not None), default=None)


def _first(lines: Lines, column: str = "at") -> datetime | None:
    first: datetime | None = lines.order_by(column).values_list(column, flat=True).first()
    return first


def _replace(
    ledger: Ledger,
    account: UserAccount,
    held: QuerySet[RollupState],
    at: datetime,
    rows: Lines,
    *,
    recount: Counting | None = None,
) -> datetime:
    """Replace the lines of the account's day in which `at` lies by the sums of `rows`. When the next day begins.

    :param recount: the day's leads are first counted anew.
    """
    begin, end = day_of(at, account)
    day = Q(user_account=account, at__gte=begin, at__lt=end)
    with transaction.atomic():
        # Also the lock by which only one replaces lines.
        if not held.update(lease_until=Now() + LEASE):
            raise LeaseLost
        if recount:
            _recount(recount, day, Lead.objects.filter(user_account=account, lead_at__gte=begin, lead_at__lt=end))
        _write_sums(ledger, day, begin, _summed(ledger, account, rows.filter(day)))
    return end


def _write_sums(ledger: Ledger, day: Q, begin: datetime, summed: Lines) -> None:
    lines = ledger.rollup.objects.filter(day)
    table, stamp = ledger.table, connection.ops.adapt_datetimefield_value(begin)
    select, values = summed.query.sql_with_params()
    columns = ", ".join(["at", "is_folded", *ledger.keys, *ledger.blurred, *ledger.sums])
    insert = f"INSERT INTO {table} ({columns}) SELECT %s, true, summed.* FROM ({select}) AS summed"  # noqa: S608
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # One statement, so that both parts see the same lines: what others append just now stays, and is loose.
            old, of_day = lines.values("pk").query.sql_with_params()
            delete = f"DELETE FROM {table} WHERE id IN ({old})"  # noqa: S608
            cursor.execute(f"WITH gone AS ({delete}) {insert}", (*of_day, stamp, *values))
        else:
            last = lines.aggregate(last=Max("pk"))["last"] or 0
            cursor.execute(insert, (stamp, *values))
            lines.filter(pk__lte=last).delete()


def _summed(ledger: Ledger, account: UserAccount, rows: Lines) -> Lines:
    """One row per different keys: these, then the sums. Those that came to nothing are left out."""
    keys: dict[str, Combinable] = {name: F(name) for name in ledger.keys}
    keys |= {name: blurred(account, rows) for name, blurred in ledger.blurred.items()}
    grouped = rows.order_by().values(**{f"by_{name}": key for name, key in keys.items()})
    sums = {f"sum_{name}": Sum(name) for name in ledger.sums}
    summed: Lines = grouped.annotate(**sums).exclude(**dict.fromkeys(sums, 0))
    return summed


def _recount(counting: Counting, day: Q, leads: QuerySet[Lead]) -> None:
    kept = table_of(counting.kept)
    ids, of_day = leads.order_by().values("pk").query.sql_with_params()
    counted = counting.sql(connection.vendor, f"IN ({ids})")
    columns = ", ".join(field.column for field in counting.kept._meta.concrete_fields if not field.primary_key)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {kept} IN SHARE ROW EXCLUSIVE MODE")
        counting.kept.objects.filter(day).delete()
        cursor.execute(
            f"INSERT INTO {kept} ({columns}) SELECT {columns} FROM ({counted}) AS counted",  # noqa: S608
            of_day * counted.count(ids),
        )


def day_of(at: datetime, account: UserAccount) -> tuple[datetime, datetime]:
    """The beginnings of the account's day in which the moment lies, and of the next."""
    day = at.astimezone(account.zone).date()
    # Where clocks are put back over midnight, the date alone would not tell.
    while at < midnight(day, account):
        day -= DAY
    while at >= midnight(day + DAY, account):
        day += DAY
    return midnight(day, account), midnight(day + DAY, account)
