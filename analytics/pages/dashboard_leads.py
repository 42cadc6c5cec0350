"""The dashboard's leads: how many came on the last days, day by day, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.reports.figures import percent
from analytics.reports.spans import Span
from analytics.reports.trend import Day, leads_by_day, won_now
from leads.days import last_days
from leads.models import UserAccount


@dataclass(frozen=True, slots=True)
class Leads:
    """`days`: every one of them in order, also the empty ones. `won`: of the leads of these days, those won by now."""

    days: list[Day]
    won: int

    @property
    def first(self) -> date:
        return self.days[0].day

    @property
    def leads(self) -> int:
        return sum(day.leads for day in self.days)

    @property
    def qualified(self) -> int:
        return sum(day.qualified for day in self.days)

    @property
    def qualification_rate(self) -> Decimal:
        return percent(self.qualified, self.leads)

    @property
    def conversion_rate(self) -> Decimal:
        """Won of qualified; each won lead is qualified, too."""
        return percent(self.won, self.qualified)


def leads_of(account: UserAccount, days: int) -> Leads:
    """Of the last `days` days, today included."""
    shown = last_days(account, days)
    span = Span(account, shown[0], shown[-1])
    return Leads(leads_by_day(span, shown), won_now(span))
