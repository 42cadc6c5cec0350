"""What a targetologist's page shows: sales of the day, the week and the month, and by which creatives they came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from analytics.models import Sale, SaleStatus
from leads.cents import to_cents
from leads.days import midnight
from leads.models import UserAccount


@dataclass(slots=True)
class Period:
    """Paid sales from a day on, with their amounts by currency."""

    name: str
    first_day: date
    sales: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)


def periods(sales: QuerySet[Sale], account: UserAccount) -> list[Period]:
    """Today, this week (from Monday) and this month, in the account's time zone, in one statement."""
    today = timezone.localdate(timezone=account.zone)
    found = [
        Period("day", today),
        Period("week", today - timedelta(days=today.weekday())),
        Period("month", today.replace(day=1)),
    ]
    since = {period.name: Q(sold_at__gte=midnight(period.first_day, account)) for period in found}
    earliest = min(period.first_day for period in found)
    rows = (
        sales.filter(status=SaleStatus.PAID, sold_at__gte=midnight(earliest, account))
        .order_by("currency")
        .values("currency")
        .annotate(
            **{f"{name}_sales": Count("pk", filter=of) for name, of in since.items()},
            **{f"{name}_amount": Sum("amount", filter=of) for name, of in since.items()},
        )
    )
    for row in cast("Iterable[dict[str, Any]]", rows):
        for period in found:
            if count := row[f"{period.name}_sales"]:
                period.sales += count
                period.amounts[row["currency"]] = to_cents(row[f"{period.name}_amount"] or Decimal(0))
    return found


@dataclass(slots=True)
class CreativeSales:
    """Paid sales by one creative, with their amounts by currency. Without id and name: by none that is known."""

    creative_id: int | None
    name: str | None
    sales: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)


def by_creative(sales: QuerySet[Sale], account: UserAccount, first_day: date) -> list[CreativeSales]:
    """Paid sales from a day on. What earned most in the account's currency comes first, then what sold most."""
    rows = (
        sales.filter(status=SaleStatus.PAID, sold_at__gte=midnight(first_day, account))
        .order_by("currency")
        .values_list("lead__creative_id", "lead__creative__name", "currency")
        .annotate(Count("pk"), Sum("amount"))
    )
    found: dict[int | None, CreativeSales] = {}
    for creative_id, name, currency, count, amount in rows:
        one = found.setdefault(creative_id, CreativeSales(creative_id, name))
        one.sales += count
        one.amounts[currency] = to_cents(amount)
    return sorted(
        found.values(), key=lambda one: (-one.amounts.get(account.currency, Decimal(0)), -one.sales, one.name or "")
    )
