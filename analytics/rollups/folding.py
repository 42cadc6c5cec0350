"""Folding: one line of a day's lines with the same keys. Rebuilding: all lines anew, from the rows.

Both replace the lines of a day by sums, those of the lines themselves or of the contributions. No figure that anybody
reads meanwhile changes by it, and each day is a short transaction of its own, so either may be killed anywhere.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Case, F, Max, Q, QuerySet, Sum, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now, TruncDate

from analytics.models.rollups import RollupState
from analytics.rollups.ledgers import LEDGERS, Ledger
from leads.api.days import FIRST_DAY, midnight
from leads.models import UserAccount

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
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    if not states.filter(free).update(lease=lease, lease_until=Now() + LEASE):
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
        lines = ledger.rollup.objects.filter(user_account=account)
        rows = ledger.contribution.objects.filter(user_account=account)
        begin = midnight(FIRST_DAY, account)
        while True:
            later = (_first(found.filter(at__gte=begin)) for found in (lines, rows))
            at = min((moment for moment in later if moment is not None), default=None)
            if at is None:
                break
            begin = _replace(ledger, account, held, at, rows)
    held.update(timezone=account.timezone, currency=account.currency)


def _first(lines: QuerySet[models.Model]) -> datetime | None:
    return lines.order_by("at").values_list("at", flat=True).first()


def _replace(
    ledger: Ledger,
    account: UserAccount,
    held: QuerySet[RollupState],
    at: datetime,
    rows: QuerySet[models.Model],
) -> datetime:
    """Replace the lines of the account's day in which `at` lies by the sums of `rows`. When the next day begins."""
    begin, end = day_of(at, account)
    stamp = connection.ops.adapt_datetimefield_value(begin)
    day = Q(at__gte=begin, at__lt=end)
    lines = ledger.rollup.objects.filter(day, user_account=account)
    summed, values = _summed(ledger, account, rows.filter(day)).query.sql_with_params()
    columns = ("at", "is_folded", *ledger.keys, *(["rate_on"] if ledger.has_rate else []), *ledger.sums)
    table = ledger.table
    insert = f"INSERT INTO {table} ({', '.join(columns)}) SELECT %s, true, summed.* FROM ({summed}) AS summed"  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        # Also the lock by which only one replaces lines.
        if not held.update(lease_until=Now() + LEASE):
            raise LeaseLost
        if connection.vendor == "postgresql":
            # One statement, so that both parts see the same lines: what others append just now stays, and is loose.
            old, of_day = lines.values("pk").query.sql_with_params()
            delete = f"DELETE FROM {table} WHERE id IN ({old})"  # noqa: S608
            cursor.execute(f"WITH gone AS ({delete}) {insert}", (*of_day, stamp, *values))
        else:
            last = lines.aggregate(last=Max("pk"))["last"] or 0
            cursor.execute(insert, (stamp, *values))
            lines.filter(pk__lte=last).delete()
    return end


def _summed(ledger: Ledger, account: UserAccount, rows: QuerySet[models.Model]) -> QuerySet[models.Model, Any]:
    """One row per different keys: these, then the sums. Those that came to nothing are left out."""
    keys: dict[str, Combinable] = {name: F(name) for name in ledger.keys}
    if ledger.has_rate:
        # Days matter to rates of exchange alone, so only foreign money is kept apart by them.
        day = Coalesce("rate_on", TruncDate("rate_at", tzinfo=account.zone))
        keys["rate_on"] = Case(When(currency=account.currency, then=None), default=day, output_field=models.DateField())
    grouped = rows.order_by().values(**{f"by_{name}": key for name, key in keys.items()})
    sums = {f"sum_{name}": Sum(name) for name in ledger.sums}
    summed: QuerySet[models.Model, Any] = grouped.annotate(**sums).exclude(**dict.fromkeys(sums, 0))
    return summed


def day_of(at: datetime, account: UserAccount) -> tuple[datetime, datetime]:
    """The beginnings of the account's day in which the moment lies, and of the next."""
    day = at.astimezone(account.zone).date()
    # Where clocks are put back over midnight, the date alone would not tell.
    while at < midnight(day, account):
        day -= DAY
    while at >= midnight(day + DAY, account):
        day += DAY
    return midnight(day, account), midnight(day + DAY, account)
