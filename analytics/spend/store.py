"""Stores what was spent: told again by the same source, a day's spend is replaced."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date

from django.db import transaction
from django.utils import timezone

from analytics.models import AdSpend
from analytics.spend.checking import SpendRow
from analytics.spend.uploads import Stored
from leads.bulk import insert_values
from leads.deals.apply import lock_account
from leads.models import UserAccount

COLUMNS = [field.name for field in fields(SpendRow)]
_REPLACED = ("campaign", "amount", "currency", "impressions", "clicks", "updated_at")
_UPSERT = "ON CONFLICT (user_account_id, day, what, source) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _REPLACED
)


@dataclass(frozen=True, slots=True)
class Replaced:
    """How many rows are new, how many say something else than before, and how many are gone."""

    created: int
    updated: int
    removed: int


def store_spend(account: UserAccount, rows: Sequence[SpendRow]) -> Stored:
    """All of the checked rows, or none. No two of them may be of one identity."""
    if not rows:
        return Stored(0, 0)
    days = [row.day for row in rows]
    known = AdSpend.objects.filter(user_account=account, day__range=(min(days), max(days))).order_by()
    now = timezone.now()
    values = [(account.pk, row.what, now, now, *(getattr(row, name) for name in COLUMNS)) for row in rows]
    with transaction.atomic():
        lock_account(account)  # a creative that is being deleted is taken from the same rows
        before = known.count()
        # By one statement: on SQLite nobody else writes while it lasts, hooks included.
        insert_values(
            AdSpend, ["user_account_id", "what", "created_at", "updated_at", *COLUMNS], values, conflict=_UPSERT
        )
        created = known.count() - before
    return Stored(created, len(rows) - created)


def replace_source(account: UserAccount, source: str, days: Collection[date], rows: Sequence[SpendRow]) -> Replaced:
    """Make `rows` all that this source tells of these days: what it told before and tells no more is taken back.

    Rows that already say the same are left alone.
    """
    asked = AdSpend.objects.filter(user_account=account, source=source, day__in=days).order_by()
    with transaction.atomic():
        lock_account(account)
        stored = {(row.day, row.what): row for row in asked}
        told = {(row.day, row.what): row for row in rows}
        gone = [row.pk for identity, row in stored.items() if identity not in told]
        AdSpend.objects.filter(user_account=account, pk__in=gone).delete()
        changed = [row for key, row in told.items() if key not in stored or not _says(stored[key], row)]
        result = store_spend(account, changed)
    return Replaced(result.created, result.updated, len(gone))


def _says(stored: AdSpend, row: SpendRow) -> bool:
    return all(getattr(stored, name) == getattr(row, name) for name in COLUMNS)
