"""ROI: leads, sales and spend side by side, by what brought them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import QuerySet

from analytics.models import AdSpend
from analytics.reports import queries
from analytics.reports.figures import Figures, total
from analytics.reports.keys import Keys
from analytics.reports.queries import Key, LeadCount, MoneySum
from analytics.reports.rates import Rates
from analytics.reports.spans import Basis, GroupBy, Span


@dataclass(frozen=True, slots=True)
class Row:
    """`key`: our id, for a campaign its name; None for what belongs to none."""

    key: Key
    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Roi:
    """`currency`: of all money in it."""

    group_by: GroupBy
    basis: Basis
    currency: str
    rows: list[Row]
    totals: Figures


def roi(span: Span, group_by: GroupBy, basis: Basis) -> Roi:
    """One row per key of which there is anything in these days, the costliest first, what belongs to none last.

    A fixed number of statements, however much there is.
    """
    leads = queries.lead_counts(span, group_by)
    sales = queries.sale_sums(span, group_by, basis)
    spend = queries.spend_sums(span, group_by)
    rates = Rates(span.account, [*sales, *spend])
    keys = Keys(group_by)
    figures: dict[Key, Figures] = defaultdict(Figures)
    for count in leads:
        figures[keys.fold(count.key, count.leads)].add(_counted(count))
    for sale in sales:
        figures[keys.fold(sale.key, sale.rows)].add(_earned(sale, rates))
    for cost in spend:
        figures[keys.fold(cost.key, cost.rows)].add(_spent(cost, rates))
    shown = keys.shown(span.account, figures)
    rows = [Row(*shown[key], own) for key, own in figures.items()]
    return Roi(group_by, basis, span.account.currency, sorted(rows, key=_place), total(figures.values()))


def spent_on(span: Span, rows: QuerySet[AdSpend]) -> Figures:
    """What these rows of spend come to, converted one by one as in the report that leads to them."""
    sums = queries.sums_of_spend(span, rows)
    rates = Rates(span.account, sums)
    return total(_spent(cost, rates) for cost in sums)


def _counted(count: LeadCount) -> Figures:
    return Figures(leads=count.leads, qualified_leads=count.qualified)


def _earned(money: MoneySum, rates: Rates) -> Figures:
    amount = rates.convert(money)
    if amount is None:
        return Figures(sales=money.rows, revenue_lacks={money.currency_day})
    return Figures(sales=money.rows, revenue=amount)


def _spent(money: MoneySum, rates: Rates) -> Figures:
    amount = rates.convert(money)
    return Figures(spend_lacks={money.currency_day}) if amount is None else Figures(spend=amount)


def _place(row: Row) -> tuple[object, ...]:
    own = row.figures
    return row.key is None, -own.spend, -own.revenue, -own.leads, row.name.casefold(), str(row.key)
