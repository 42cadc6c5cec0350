"""The reports' sums by day and creative: as they are now, and as the snapshots have them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import TruncDate

from analytics.models import ReportSnapshot, SnapshotLine
from analytics.reports.figures import Figures
from analytics.reports.queries import MoneySum, parts_of_sales, parts_of_spend
from analytics.reports.rates import Rates
from analytics.reports.spans import Basis, Span
from leads.cents import to_cents
from leads.days import on_days

Place = tuple[date, int | None]
"""A day of the account's, and a creative's id; None for what belongs to none."""


@dataclass(slots=True)
class Sums:
    """Named as the columns of `SnapshotLine`."""

    leads: int = 0
    qualified_leads: int = 0
    sales: int = 0
    revenue: Decimal = Decimal(0)
    cohort_sales: int = 0
    cohort_revenue: Decimal = Decimal(0)
    spend: Decimal = Decimal(0)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) - getattr(other, name) for name in NAMES))

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in NAMES)

    def figures(self, basis: Basis) -> Figures:
        is_cohort = basis is Basis.COHORT
        return Figures(
            self.leads,
            self.qualified_leads,
            self.cohort_sales if is_cohort else self.sales,
            self.cohort_revenue if is_cohort else self.revenue,
            self.spend,
        )


NAMES = tuple(field.name for field in fields(Sums))


# --- As they are now ---


def sums_now(span: Span) -> dict[Place, Sums]:
    """A fixed number of statements. Money without an exchange rate is in no sum, as in the reports."""
    found: dict[Place, Sums] = defaultdict(Sums)
    day = TruncDate("at", tzinfo=span.account.zone)
    for row in _by_place(span.lead_lines(), day).annotate(n=Sum("leads"), good=Sum("qualified")):
        sums = found[row["on_day"], row["creative_id"]]
        sums.leads, sums.qualified_leads = row["n"], row["good"]
    sold = parts_of_sales(span)
    money = {
        "": _money(span.sale_lines(Basis.SALE), day, sold, Sum("sales")),
        "cohort_": _money(span.sale_lines(Basis.COHORT), day, sold, Sum("sales")),
        "spend": _money(span.spend(), F("day"), parts_of_spend(span), Count("pk")),
    }
    rates = Rates(span.account, (item for items in money.values() for _place, item in items))
    for kind, items in money.items():
        for place, item in items:
            _add(found[place], kind, item.rows, rates.convert(item) or Decimal(0))
    return found


def _add(sums: Sums, kind: str, rows: int, amount: Decimal) -> None:
    if kind == "spend":
        sums.spend += amount
        return
    setattr(sums, f"{kind}sales", getattr(sums, f"{kind}sales") + rows)
    setattr(sums, f"{kind}revenue", getattr(sums, f"{kind}revenue") + amount)


def _by_place(rows: QuerySet[Any], day: Combinable, **more: Combinable) -> Any:
    return rows.annotate(on_day=day, **more).values("on_day", "creative_id", *more).order_by()


def _money(
    rows: QuerySet[Any], day: Combinable, parts: Mapping[str, Combinable], count: Combinable
) -> list[tuple[Place, MoneySum]]:
    grouped = _by_place(rows, day, in_currency=F("currency"), **parts)
    return [
        (
            (row["on_day"], row["creative_id"]),
            MoneySum(
                row["creative_id"], row["rows"], row["total"] or Decimal(0), row["in_currency"], row["foreign_day"]
            ),
        )
        for row in grouped.annotate(rows=count, total=Sum("amount")).exclude(rows=0)
    ]


# --- As the snapshots have them ---


def lines_of(span: Span) -> QuerySet[SnapshotLine]:
    return on_days(SnapshotLine.objects.filter(user_account=span.account), span.first, span.last)


def sums_of_lines(lines: QuerySet[SnapshotLine], *keys: str) -> dict[tuple[Any, ...], Sums]:
    """The lines' sums by these columns, in one statement."""
    rows = lines.order_by().values(*keys).annotate(**{f"sum_{name}": Sum(name) for name in NAMES})
    return {tuple(row[key] for key in keys): Sums(*(_exact(row[f"sum_{name}"]) for name in NAMES)) for row in rows}


def _exact(value: int | Decimal) -> Any:
    # SQLite adds decimals as floats.
    return to_cents(value) if isinstance(value, Decimal) else value


def sums_as_of(snapshot: ReportSnapshot, span: Span) -> dict[int | None, Sums]:
    """By creative, what the reports said of these days when the snapshot was taken."""
    lines = lines_of(span).filter(snapshot__day__lte=snapshot.day)
    return {creative_id: sums for (creative_id,), sums in sums_of_lines(lines, "creative_id").items() if sums}


def differences(now: Mapping[Any, Sums], then: Mapping[Any, Sums]) -> Iterable[tuple[Any, Sums]]:
    for place in {*now, *then}:
        if difference := now.get(place, Sums()) - then.get(place, Sums()):
            yield place, difference
