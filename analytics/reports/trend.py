"""What the dashboard says of leads: day by day, and how many are won."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from analytics.reports.spans import Span
from leads.news import WON_STATUS_ID


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    leads: int
    qualified: int


def leads_by_day(span: Span, days: Sequence[date]) -> list[Day]:
    """Each of `days` in order, also those on which nobody came."""
    leads: Counter[date] = Counter()
    qualified: Counter[date] = Counter()
    # By the moment and not by the day, which a database would work out for each line: a folded line is at its day's
    # beginning, so there are few moments.
    moments = span.lead_lines().values_list("at").annotate(n_leads=Sum("leads"), n_qualified=Sum("qualified"))
    for at, n_leads, n_qualified in moments.iterator():
        day = at.astimezone(span.account.zone).date()
        leads[day] += n_leads
        qualified[day] += n_qualified
    return [Day(day, leads[day], qualified[day]) for day in days]


def won_now(span: Span) -> int:
    """Leads of these days that are won now, in whatever pipeline."""
    won = span.path_lines().filter(now_status_id=WON_STATUS_ID).aggregate(n=Sum("leads"))
    return won["n"] or 0
