"""Qualification: of the leads of these days, how many are qualified, and how many have bought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import Count, Q

from analytics.reports.figures import percent
from analytics.reports.keys import NO_NAME
from analytics.reports.queries import own_or_creatives
from analytics.reports.spans import Basis, Span
from leads.models import Creative, Direction


@dataclass(frozen=True, slots=True)
class Qualification:
    """`conversions`: leads with a paid sale."""

    leads: int = 0
    qualified_leads: int = 0
    conversions: int = 0

    @property
    def qualification_rate(self) -> Decimal:
        """Qualified of all leads, percent."""
        return percent(self.qualified_leads, self.leads)

    @property
    def conversion_rate(self) -> Decimal:
        """Conversions of qualified leads, percent."""
        return percent(self.conversions, self.qualified_leads)


@dataclass(frozen=True, slots=True)
class OfCreative:
    """`creative_id`: None for leads of no creative."""

    creative_id: int | None
    creative_name: str
    figures: Qualification


def qualification(
    span: Span, direction: Direction | None = None, *, with_deleted: bool = False
) -> tuple[Qualification, list[OfCreative]]:
    """The whole, and the creatives that brought any of these leads, the most leads first, no creative last.

    :param direction: only leads of it: theirs by themselves, or else by their creative.
    :param with_deleted: deleted leads count as leads; their sales are cancelled, so they are no conversions.
    """
    leads = span.leads(with_deleted=with_deleted)
    sales = span.sales(Basis.COHORT)
    if direction is not None:
        leads = leads.annotate(of=own_or_creatives("")).filter(of=direction.pk)
        sales = sales.annotate(of=own_or_creatives("lead__")).filter(of=direction.pk)
    counted = leads.values("creative_id").annotate(n=Count("pk"), good=Count("pk", filter=Q(is_qualified=True)))
    bought = sales.values("lead__creative_id").annotate(n=Count("lead", distinct=True))
    rows: dict[int | None, Qualification] = {
        row["creative_id"]: Qualification(row["n"], row["good"]) for row in counted
    }
    for row in bought:
        own = rows.get(row["lead__creative_id"], Qualification())
        rows[row["lead__creative_id"]] = replace(own, conversions=row["n"])
    names = dict(Creative.objects.filter(user_account=span.account).values_list("pk", "name"))
    creatives = [OfCreative(pk, _name(pk, names), figures) for pk, figures in rows.items()]
    return _whole(rows), sorted(creatives, key=_place)


def _name(creative_id: int | None, names: Mapping[int, str]) -> str:
    return NO_NAME if creative_id is None else names.get(creative_id, str(creative_id))


def _whole(rows: Mapping[int | None, Qualification]) -> Qualification:
    return Qualification(
        sum(row.leads for row in rows.values()),
        sum(row.qualified_leads for row in rows.values()),
        sum(row.conversions for row in rows.values()),
    )


def _place(row: OfCreative) -> tuple[object, ...]:
    return row.creative_id is None, -row.figures.leads, row.creative_name.casefold(), row.creative_id or 0
