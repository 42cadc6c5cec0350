"""What a change would do to the numbers, before anybody makes it. Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q

from analytics.earning.ledger import commission
from analytics.earning.patterns import Move, sales_moved_by
from analytics.models import ConversionStatus, Referrer, Targetologist
from analytics.models.referrals import default_rate
from analytics.reports.definitions import OF_NONE, Text
from analytics.reports.figures import percent, ratio
from analytics.reports.queries import Key
from analytics.reports.roi import Row, roi
from analytics.reports.spans import Basis, GroupBy, Span
from leads.models import LeadStatusHistory, PipelineStage
from leads.news import WON_STATUS_ID
from leads.qualification import qualified_stages


@dataclass(frozen=True, slots=True)
class Qualifying:
    """One creative's leads, or all: how many are qualified now, and would be. `spend` None: it lacks a rate."""

    name: Text
    leads: int
    before: int
    after: int
    spend: Decimal | None

    @property
    def rate_before(self) -> Decimal:
        return percent(self.before, self.leads)

    @property
    def rate_after(self) -> Decimal:
        return percent(self.after, self.leads)

    @property
    def cpql_before(self) -> Decimal | None:
        return self._cost_of(self.before)

    @property
    def cpql_after(self) -> Decimal | None:
        return self._cost_of(self.after)

    def _cost_of(self, count: int) -> Decimal | None:
        return None if self.spend is None else ratio(self.spend, Decimal(count))


def stage_toggled(span: Span, stage: PipelineStage) -> tuple[list[Qualifying], Qualifying]:
    """By creative, and in all, if the stage were marked as qualified where it is not, and the other way round."""
    marked = qualified_stages(span.account) ^ {(stage.pipeline_id, stage.status_id)}
    stood = Q(to_status_id=WON_STATUS_ID)
    for pipeline_id, status_id in marked:
        stood |= Q(to_pipeline_id=pipeline_id, to_status_id=status_id)
    good = Exists(LeadStatusHistory.objects.filter(stood, lead=OuterRef("pk")))
    rows = span.leads().values("creative_id").annotate(n=Count("pk", filter=Q(good)))
    after: dict[Key, int] = dict(rows.values_list("creative_id", "n"))
    report = roi(span, GroupBy.CREATIVE, Basis.SALE)
    found = [_qualifying(row, after.get(row.key, 0)) for row in report.rows if row.figures.leads]
    return found, _qualifying(Row(None, "", report.totals), sum(after.values()))


def _qualifying(row: Row, after: int) -> Qualifying:
    own = row.figures
    name = OF_NONE[GroupBy.CREATIVE] if row.key is None else row.name
    return Qualifying(name, own.leads, own.qualified_leads, after, None if own.spend_lacks else own.spend)


@dataclass(slots=True)
class Flow:
    """Sales of one currency that would go from one to another; an empty name: nobody known."""

    comes_from: str
    goes_to: str
    currency: str
    sales: int = 0
    amount: Decimal = Decimal(0)


def pattern_changed(targetologist: Targetologist, pattern: str, instead_of: str) -> tuple[list[Move], list[Flow]]:
    """The past sales that would move, and from whom to whom."""
    moves = sales_moved_by(targetologist, pattern, instead_of)
    everybody = Targetologist.objects.filter(user_account=targetologist.user_account)
    people = {person.pk: str(person) for person in everybody}
    found: dict[tuple[str, str, str], Flow] = {}
    for move in moves:
        ends = (people.get(move.sale.targetologist_id or 0, ""), people.get(move.goes_to or 0, ""))
        key = (*ends, move.sale.currency)
        flow = found.setdefault(key, Flow(*key))
        flow.sales += 1
        flow.amount += move.sale.amount
    return moves, [found[key] for key in sorted(found)]


@dataclass(frozen=True, slots=True)
class Commission:
    """Of the sales of a span: what was earned by them, and would have been at the other rate."""

    currency: str
    sales: int
    before: Decimal
    after: Decimal


def rate_changed(span: Span, referrer: Referrer, rate: Decimal | None) -> list[Commission]:
    """By currency. The past stays as it is: a conversion keeps its rate. None: the account's default."""
    new = default_rate(span.account) if rate is None else rate
    sold = span.sales(Basis.SALE).filter(conversion__referrer=referrer, conversion__status=ConversionStatus.ACTIVE)
    sums: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for currency, amount, own in sold.values_list("currency", "amount", "conversion__commission_rate"):
        sums[currency].append((commission(own or Decimal(0), amount), commission(new, amount)))
    return [
        Commission(currency, len(pairs), _sum(before for before, _ in pairs), _sum(after for _, after in pairs))
        for currency, pairs in sorted(sums.items())
    ]


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
