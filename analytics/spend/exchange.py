"""Uploads of exchange rates: how much one unit of a currency is in the account's, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from analytics.models import ExchangeRate
from analytics.spend import cells
from analytics.spend.cells import Senseless
from analytics.spend.reading import RawRow
from analytics.spend.uploads import Checked, Stored, check_rows
from leads.deals.apply import lock_account
from leads.models import UserAccount

NEEDED = ("day", "currency", "rate")
SMALLEST, LARGEST = Decimal("0.0000000001"), Decimal(10) ** 10


@dataclass(frozen=True, slots=True)
class RateRow:
    """One unit of `currency` is `rate` units of the account's currency."""

    day: date
    currency: str
    rate: Decimal


def check_rates(account: UserAccount, raw: Iterable[RawRow]) -> Checked[RateRow]:
    def read(row: RawRow) -> RateRow:
        return _read(row, account.currency)

    return check_rows(raw, read, lambda row: (row.day, row.currency))


def _read(raw: RawRow, base: str) -> RateRow:
    day, currency = cells.day(raw.cells.get("day")), cells.currency(raw.cells.get("currency"))
    rate = cells.number(raw.cells.get("rate"), "rate")
    if day is None:
        raise Senseless(_("day: missing."))
    if currency is None:
        raise Senseless(_("currency: missing."))
    if currency == base:
        raise Senseless(_("currency: %(currency)s is the account's own.") % {"currency": currency})
    if rate is None or not SMALLEST <= rate < LARGEST:
        raise Senseless(_("rate: use a number greater than 0 and less than 10,000,000,000."))
    return RateRow(day, currency, rate.quantize(SMALLEST, ROUND_HALF_UP))


@transaction.atomic
def store_rates(account: UserAccount, rows: Sequence[RateRow]) -> Stored:
    """All of the checked rates, or none; a rate of the same day and currency is replaced."""
    if not rows:
        return Stored(0, 0)
    lock_account(account)
    days = [row.day for row in rows]
    known = ExchangeRate.objects.filter(
        user_account=account, base_currency=account.currency, day__range=(min(days), max(days))
    ).order_by()
    stored = set(known.values_list("day", "currency"))
    updated = sum((row.day, row.currency) in stored for row in rows)
    ExchangeRate.objects.bulk_create(
        [
            ExchangeRate(
                user_account=account, base_currency=account.currency, day=row.day, currency=row.currency, rate=row.rate
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["user_account", "base_currency", "currency", "day"],
        update_fields=["rate", "updated_at"],
        batch_size=2000,
    )
    return Stored(len(rows) - updated, updated)
