"""The sums that reports are made of, each one GROUP BY over rollups, or over the rows where there are none.

One statement each, and a rollup changes with what it sums in one transaction: every sum is true of one moment. Keys are
what the rows say (an id, a campaign as spelt, None); folding of spellings and names for people are `reports.keys`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, TruncDate

from analytics.models import AdSpend, Referrer
from analytics.models.referrals import REFERRAL_PREFIX, code_key
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.routing import buyers_of, route
from leads.news import Utm

Key = int | str | None


@dataclass(frozen=True, slots=True)
class LeadCount:
    key: Key
    leads: int
    qualified: int


@dataclass(frozen=True, slots=True)
class MoneySum:
    """`rows` rows of one currency. `day`: of which the rate is wanted; None for the account's own currency."""

    key: Key
    rows: int
    amount: Decimal
    currency: str
    day: date | None

    @property
    def currency_day(self) -> tuple[str, date]:
        """Which rate is wanted, of foreign money."""
        assert self.day is not None
        return self.currency, self.day


# --- Leads ---


def lead_counts(span: Span, group_by: GroupBy) -> list[LeadCount]:
    """Leads and qualified leads by key."""
    return _LEADS[group_by](span)


def _by_column(expression: str | Combinable) -> Callable[[Span], list[LeadCount]]:
    def counts(span: Span) -> list[LeadCount]:
        return [LeadCount(row["key"], row["n_leads"], row["n_qualified"]) for row in _counted(span, key=expression)]

    return counts


def _by_targetologist(span: Span) -> list[LeadCount]:
    """A lead has no targetologist of its own: it is routed by its UTM, each different pair of values once."""
    buyers = buyers_of(span.account)
    return _folded(
        (route(Utm(source=row["by_source"], campaign=row["by_campaign"]), buyers).targetologist_id, row)
        for row in _counted(span, by_source="utm_source", by_campaign="utm_campaign")
    )


def _by_referrer(span: Span) -> list[LeadCount]:
    """A lead is the referrer's whose code is its utm_source."""
    codes = Referrer.objects.filter(user_account=span.account).values_list("code_key", "pk")
    referrers: dict[str, int] = dict(codes)
    code = Case(When(utm_source__istartswith=REFERRAL_PREFIX, then=F("utm_source")), default=Value(""))
    return _folded((referrers.get(code_key(row["by_code"])), row) for row in _counted(span, by_code=code))


def _counted(span: Span, **keys: str | Combinable) -> Any:
    grouped = _grouped(span.lead_lines(), keys).annotate(n_leads=Sum("leads"), n_qualified=Sum("qualified"))
    return grouped.exclude(n_leads=0)


def _folded(rows: Iterable[tuple[Key, Mapping[str, Any]]]) -> list[LeadCount]:
    leads: Counter[Key] = Counter()
    qualified: Counter[Key] = Counter()
    for key, row in rows:
        leads[key] += row["n_leads"]
        qualified[key] += row["n_qualified"]
    return [LeadCount(key, leads[key], qualified[key]) for key in leads]


# --- Money ---


def sale_sums(span: Span, group_by: GroupBy, basis: Basis) -> list[MoneySum]:
    """Paid sales by key and currency; those in a foreign one in their least parts."""
    return _sums(span.sale_lines(basis), _SALES[group_by], parts_of_sales(span), Sum("sales"))


def spend_sums(span: Span, group_by: GroupBy) -> list[MoneySum]:
    """Spend by key and currency; that in a foreign one row by row."""
    return _sums(span.spend(), _SPEND[group_by], parts_of_spend(span), Count("pk"))


def sums_of_spend(span: Span, rows: QuerySet[AdSpend]) -> list[MoneySum]:
    """Of these rows of the account's, whatever they were spent on."""
    return _sums(rows.order_by(), Value(None, output_field=BigIntegerField()), parts_of_spend(span), Count("pk"))


def parts_of_sales(span: Span) -> dict[str, Combinable]:
    """By what foreign money is taken apart so far that no grouping divides it further; `foreign_day` is the day whose
    rate is wanted. Each part is converted and rounded alone: rows add up to their total, and it is the same by whatever
    the rows are. Money of the account's own currency is one part.
    """
    zone = span.account.zone
    sold_on = Coalesce("rate_on", TruncDate("rate_at", tzinfo=zone))
    return _parts(span, day=sold_on, at=TruncDate("at", tzinfo=zone), **{name: F(name) for name in _KEYS_OF_SALES})


def parts_of_spend(span: Span) -> dict[str, Combinable]:
    """As of sales: of spend each row is a part."""
    return _parts(span, day=F("day"), row=F("pk"))


def _parts(span: Span, **parts: Combinable) -> dict[str, Combinable]:
    is_foreign = ~Q(currency=span.account.currency)
    return {f"foreign_{name}": Case(When(is_foreign, then=part)) for name, part in parts.items()}


def _sums(
    rows: QuerySet[Any], key: str | Combinable, parts: Mapping[str, Combinable], count: Combinable
) -> list[MoneySum]:
    grouped = _grouped(rows, {"key": key, "in_currency": "currency", **parts})
    return [
        MoneySum(row["key"], row["rows"], row["total"] or Decimal(0), row["in_currency"], row["foreign_day"])
        for row in grouped.annotate(rows=count, total=Sum("amount")).exclude(rows=0)
    ]


def _grouped(rows: QuerySet[Any], keys: Mapping[str, str | Combinable]) -> Any:
    """The rows by these expressions, whose names must be none of a column's."""
    return rows.annotate(**{name: F(key) if isinstance(key, str) else key for name, key in keys.items()}).values(*keys)


# --- Where each kind of row says what it belongs to ---


def own_or_creatives(path: str) -> Combinable:
    """The direction that the row itself names, else its creative's."""
    return Coalesce(f"{path}direction_id", f"{path}creative__direction_id")


_LEADS: dict[GroupBy, Callable[[Span], list[LeadCount]]] = {
    GroupBy.CREATIVE: _by_column("creative_id"),
    GroupBy.DIRECTION: _by_column(own_or_creatives("")),
    GroupBy.CAMPAIGN: _by_column("utm_campaign"),
    GroupBy.TARGETOLOGIST: _by_targetologist,
    GroupBy.REFERRER: _by_referrer,
}
_SALES: dict[GroupBy, str | Combinable] = {
    GroupBy.CREATIVE: "creative_id",
    GroupBy.DIRECTION: own_or_creatives(""),
    GroupBy.CAMPAIGN: "utm_campaign",
    GroupBy.TARGETOLOGIST: "targetologist_id",
    GroupBy.REFERRER: "referrer_id",
}
_KEYS_OF_SALES = ("creative_id", "direction_id", "utm_campaign", "targetologist_id", "referrer_id")
_SPEND: dict[GroupBy, str | Combinable] = {
    GroupBy.CREATIVE: "creative_id",
    GroupBy.DIRECTION: own_or_creatives(""),
    GroupBy.CAMPAIGN: "campaign",
    GroupBy.TARGETOLOGIST: "targetologist_id",
    GroupBy.REFERRER: Value(None, output_field=BigIntegerField()),
}
