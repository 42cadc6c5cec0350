"""Which rows moved a report's figures after a moment: what was learnt since, of days that were over or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.models import Sale, SaleStatus
from analytics.reports.spans import Basis, Span
from leads.days import within_days
from leads.models import Lead, LeadStatusHistory, PipelineStage
from leads.news import WON_STATUS_ID

SHOWN = 50


class Kind(Enum):
    LEADS = "leads"
    HISTORY = "history"
    SALES = "sales"
    SPEND = "spend"


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows of one kind that moved the figures in one way: how many, and the last `SHOWN` of them."""

    kind: Kind
    title: str | Promise
    count: int
    rows: list[Any]


def moved_since(moment: datetime, span: Span, basis: Basis) -> list[Moved]:
    """What was learnt after `moment` and belongs to the days of the span. A fixed number of statements.

    Told by the rows that there are now: of a sale whose amount has changed the earlier one is not known, and spend
    that was deleted, or a stage that was marked, has left no row.
    """
    found: list[Moved] = []
    for kind, title, rows in (
        *_leads(moment, span),
        *_history(moment, span),
        *_sales(moment, span, basis),
        *_spend(moment, span),
    ):
        if count := rows.count():
            found.append(Moved(kind, title, count, list(rows[:SHOWN])))
    return found


Found = Iterator[tuple[Kind, Promise, QuerySet[Any]]]


def _leads(moment: datetime, span: Span) -> Found:
    known = Lead.objects.filter(user_account=span.account)
    of_days = within_days(known, "lead_at", span.account, span.first, span.last).order_by("-updated_at", "-id")
    yield Kind.LEADS, _("Leads met later"), of_days.filter(created_at__gt=moment, is_deleted=False)
    gone = of_days.filter(created_at__lte=moment, updated_at__gt=moment, is_deleted=True)
    yield Kind.LEADS, _("Leads deleted or merged since"), gone


def _history(moment: datetime, span: Span) -> Found:
    """Stages by which a lead that was known is qualified, if none of before makes it so."""
    marked = PipelineStage.objects.filter(
        user_account=span.account,
        is_qualified_stage=True,
        pipeline_id=OuterRef("to_pipeline_id"),
        status_id=OuterRef("to_status_id"),
    )
    qualifying = LeadStatusHistory.objects.filter(Q(to_status_id=WON_STATUS_ID) | Exists(marked))
    before = qualifying.filter(lead=OuterRef("lead"), learnt_at__lte=moment)
    late = qualifying.filter(
        ~Exists(before), user_account=span.account, learnt_at__gt=moment, lead__created_at__lte=moment
    ).filter(lead__is_deleted=False)
    rows = within_days(late, "lead__lead_at", span.account, span.first, span.last)
    yield Kind.HISTORY, _("Stages learnt later that qualify a lead"), _latest(rows.select_related("lead"), "learnt_at")


def _sales(moment: datetime, span: Span, basis: Basis) -> Found:
    rows = Sale.objects.filter(user_account=span.account, updated_at__gt=moment).select_related("lead")
    column = "lead__lead_at" if basis is Basis.COHORT else "sold_at"
    rows = _latest(within_days(rows, column, span.account, span.first, span.last), "updated_at")
    paid, known = Q(status=SaleStatus.PAID), Q(created_at__lte=moment)
    yield Kind.SALES, _("Sales recorded later"), rows.filter(paid & ~known)
    yield Kind.SALES, _("Sales changed since"), rows.filter(paid & known)
    yield Kind.SALES, _("Sales cancelled since"), rows.filter(~paid & known)


def _spend(moment: datetime, span: Span) -> Found:
    rows = span.spend().filter(updated_at__gt=moment).select_related("creative", "direction", "targetologist")
    rows = _latest(rows, "updated_at")
    yield Kind.SPEND, _("Spend entered later"), rows.filter(created_at__gt=moment)
    yield Kind.SPEND, _("Spend replaced since"), rows.filter(created_at__lte=moment)


def _latest(rows: QuerySet[Any], column: str) -> QuerySet[Any]:
    return rows.order_by(F(column).desc(), "-pk")
