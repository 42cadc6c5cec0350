"""What a row of Meta's insights means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.meta.errors import Outage
from leads.told import told

FIELDS = ("ad_id", "ad_name", "campaign_name", "spend", "impressions", "clicks", "account_currency")
MOST = Decimal(10) ** 13


@dataclass(frozen=True, slots=True)
class AdDay:
    """What one ad cost on one day of the ad account's time zone. Amounts are in the ad account's currency."""

    day: date
    ad_id: str
    ad_name: str
    campaign: str
    amount: Decimal
    impressions: int
    clicks: int


def ad_day(row: Any, first: date, last: date) -> AdDay:
    """Numbers come as strings, and those that are 0 are sometimes left out.

    :raises Outage: it is no such row, or of no day from `first` to `last`. Nothing of the answer is taken then, since
        what is missing from it would seem unspent.
    """
    try:
        found = AdDay(
            day=date.fromisoformat(row["date_start"]),
            ad_id=str(row["ad_id"])[:50],
            ad_name=_text(row.get("ad_name")),
            campaign=_text(row.get("campaign_name")),
            amount=Decimal(str(row.get("spend") or 0)),
            impressions=int(row.get("impressions") or 0),
            clicks=int(row.get("clicks") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation):
        raise Outage(told("Meta's answer cannot be read.")) from None
    is_sane = found.amount.is_finite() and 0 <= found.amount < MOST and found.impressions >= 0 <= found.clicks
    if not (is_sane and first <= found.day <= last):
        raise Outage(told("Meta's answer cannot be read."))
    return found


def _text(value: Any) -> str:
    # Databases take no zero bytes.
    return str(value or "").replace("\x00", "").strip()[:500]
