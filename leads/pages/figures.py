"""The dashboard's figures about leads: of a span of days, by the day on which a lead came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from leads.models import Lead, UserAccount
from leads.news import WON_STATUS_ID
from leads.pages.days import begin_of, last_days


@dataclass(frozen=True, slots=True)
class Figures:
    """Leads that came in the span, and what became of them."""

    leads: int
    qualified: int
    won: int

    @property
    def qualification_rate(self) -> Decimal:
        return percent(self.qualified, self.leads)

    @property
    def conversion_rate(self) -> Decimal:
        """Won of qualified; whoever won is qualified."""
        return percent(self.won, self.qualified)


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    leads: int
    qualified: int


def percent(part: int, whole: int) -> Decimal:
    """With two digits; 0 of nothing."""
    return (Decimal(100 * part) / whole).quantize(Decimal("0.01")) if whole else Decimal(0)


def figures(account: UserAccount, days: int) -> Figures:
    """The last `days` days, today included."""
    row = _leads(account, days).aggregate(
        leads=Count("id"),
        qualified=Count("id", filter=Q(is_qualified=True)),
        won=Count("id", filter=Q(current_status_id=WON_STATUS_ID)),
    )
    return Figures(row["leads"], row["qualified"], row["won"])


def by_day(account: UserAccount, days: int) -> list[Day]:
    """Every day of the span in order, also the empty ones."""
    rows = (
        _leads(account, days)
        .annotate(day=TruncDate("lead_at", tzinfo=account.zone))
        .values("day")
        .annotate(leads=Count("id"), qualified=Count("id", filter=Q(is_qualified=True)))
        .order_by()
    )
    counts = {row["day"]: (row["leads"], row["qualified"]) for row in rows}
    return [Day(day, *counts.get(day, (0, 0))) for day in last_days(account, days)]


def _leads(account: UserAccount, days: int) -> QuerySet[Lead]:
    # No end: clocks differ a little, and a deal of the next minute is one of today.
    first = last_days(account, days)[0]
    return Lead.objects.filter(user_account=account, is_deleted=False, lead_at__gte=begin_of(first, account))
