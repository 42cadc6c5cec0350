"""The figures of one row of a report, and what follows from them. Pure functions; all rounding is here.

What each figure means stands in `definitions.py`. Rates and costs are null where they would be divided by 0, and where
money without an exchange rate is missing from what they are made of: half an answer would look like a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from leads.cents import to_cents

Lacks = set[tuple[str, date]]
"""(currency, day) without an exchange rate."""


@dataclass(slots=True)
class Figures:
    """`revenue` and `spend` are in the account's currency, without the money that lacks a rate."""

    leads: int = 0
    qualified_leads: int = 0
    sales: int = 0
    revenue: Decimal = Decimal("0.00")
    spend: Decimal = Decimal("0.00")
    revenue_lacks: Lacks = field(default_factory=set)
    spend_lacks: Lacks = field(default_factory=set)

    def add(self, other: Figures) -> None:
        self.leads += other.leads
        self.qualified_leads += other.qualified_leads
        self.sales += other.sales
        self.revenue += other.revenue
        self.spend += other.spend
        self.revenue_lacks |= other.revenue_lacks
        self.spend_lacks |= other.spend_lacks

    @property
    def profit(self) -> Decimal | None:
        return None if self.revenue_lacks or self.spend_lacks else self.revenue - self.spend

    @property
    def roi(self) -> Decimal | None:
        return None if self.profit is None else ratio(self.profit * 100, self.spend)

    @property
    def roas(self) -> Decimal | None:
        return None if self.profit is None else ratio(self.revenue, self.spend)

    @property
    def cpl(self) -> Decimal | None:
        return self._cost_of(self.leads)

    @property
    def cpql(self) -> Decimal | None:
        return self._cost_of(self.qualified_leads)

    @property
    def cac(self) -> Decimal | None:
        return self._cost_of(self.sales)

    def _cost_of(self, count: int) -> Decimal | None:
        return None if self.spend_lacks else ratio(self.spend, Decimal(count))


@dataclass(frozen=True, slots=True)
class MissingRates:
    """Money in `currency` of `days` days from `first` to `last` could not be converted."""

    currency: str
    first: date
    last: date
    days: int


def missing_rates(figures: Figures) -> list[MissingRates]:
    """By currency, in their order."""
    by_currency: dict[str, list[date]] = {}
    for currency, day in sorted(figures.revenue_lacks | figures.spend_lacks):
        by_currency.setdefault(currency, []).append(day)
    return [MissingRates(currency, days[0], days[-1], len(days)) for currency, days in by_currency.items()]


def total(rows: Iterable[Figures]) -> Figures:
    """The rows' sum, of which rates and costs follow anew."""
    whole = Figures()
    for row in rows:
        whole.add(row)
    return whole


def ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """Half-up to two digits; None of nothing."""
    return to_cents(part / whole) if whole else None


def percent(part: int, whole: int) -> Decimal:
    """Half-up to two digits; 0 of nothing."""
    return ratio(Decimal(100 * part), Decimal(whole)) or Decimal(0)
