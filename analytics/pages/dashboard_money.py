"""The dashboard's money: what the last days cost and brought, and which creatives did best and worst."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from analytics.reports.figures import Figures, MissingRates, missing_rates
from analytics.reports.roi import Row, roi
from analytics.reports.spans import Basis, GroupBy, Span
from leads.days import last_days
from leads.models import UserAccount

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Money:
    """`best`, `worst`: creatives on which money was spent, by profit; none in both, and no loss is among the best."""

    first: date
    last: date
    currency: str
    totals: Figures
    best: list[Row]
    worst: list[Row]
    missing_rates: list[MissingRates]


def money_of(account: UserAccount, days: int) -> Money:
    """Of the last `days` days, today included. As many statements as the report makes, however much there is."""
    first, *_between, last = last_days(account, days)
    report = roi(Span(account, first, last), GroupBy.CREATIVE, Basis.SALE)
    paid_for = [(row.figures.profit, row) for row in report.rows if row.key is not None and row.figures.spend]
    ranked = sorted(
        ((profit, row) for profit, row in paid_for if profit is not None), key=lambda pair: pair[0], reverse=True
    )
    best = [row for profit, row in ranked if profit > 0][:SHOWN]
    worst = [row for _profit, row in ranked[len(best) :]][::-1][:SHOWN]
    return Money(first, last, report.currency, report.totals, best, worst, missing_rates(report.totals))
