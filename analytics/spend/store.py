"""Stores what was spent: told again by the same source, a day's spend is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from django.db import transaction

from analytics.models import AdSpend
from analytics.spend.checking import SpendRow
from analytics.spend.uploads import Stored
from leads.models import UserAccount

IDENTITY = ["user_account", "day", "what", "source"]
REPLACED = ["campaign", "amount", "currency", "impressions", "clicks", "updated_at"]
COLUMNS = [field.name for field in fields(SpendRow)]
BATCH = 2000


def store_spend(account: UserAccount, rows: Sequence[SpendRow]) -> Stored:
    """All of the checked rows, or none. No two of them may be of one identity."""
    if not rows:
        return Stored(0, 0)
    days = [row.day for row in rows]
    known = AdSpend.objects.filter(user_account=account, day__range=(min(days), max(days))).order_by()
    # In one order, so that two uploads of the same rows wait for each other rather than block each other. Made before
    # the transaction begins: on SQLite nobody else writes while it lasts.
    fresh = [_as_row(account, row) for row in sorted(rows, key=lambda row: row.identity)]
    with transaction.atomic():
        stored = set(known.values_list("day", "what", "source"))
        AdSpend.objects.bulk_create(
            fresh, update_conflicts=True, unique_fields=IDENTITY, update_fields=REPLACED, batch_size=BATCH
        )
    updated = sum(row.identity in stored for row in rows)
    return Stored(len(rows) - updated, updated)


def _as_row(account: UserAccount, row: SpendRow) -> AdSpend:
    return AdSpend(user_account=account, what=row.what, **{name: getattr(row, name) for name in COLUMNS})
