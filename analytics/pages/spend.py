"""`/app/spend`: what advertising cost, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics.csv_cells import csv_response
from analytics.models import AdSpend
from analytics.pages.narrowers import SPEND_NARROWERS
from analytics.pages.periods import LAST_DAYS, period_of
from analytics.reports.definitions import ONE_OF, Text
from analytics.reports.roi import spent_on
from analytics.reports.spans import GroupBy, Span
from leads.access import account_of, account_rows, page
from leads.pages.narrowing import Narrowing
from leads.pages.rendering import render_page
from leads.pages.sorting import Heading, Sorting, heading
from leads.paging import CappedPages

PAGE_SIZE = 50
TEMPLATE = (
    *("day", "creative_id", "direction_id", "targetologist", "campaign"),
    *("amount", "currency", "impressions", "clicks", "source"),
)
SORTING = Sorting(
    {name: name for name in ("day", "amount", "impressions", "clicks", "source")},
    default="-day",
)
KINDS: dict[str, Text] = {str(by.value): ONE_OF[by] for by in GroupBy if by is not GroupBy.REFERRER}


class KindForm(forms.Form):
    kind = forms.ChoiceField(label=_("Spent on"), required=False, choices=[("", _("any")), *KINDS.items()])


@dataclass(frozen=True, slots=True)
class Spent:
    """A row as it is shown. `name` empty: what the money was spent on is gone."""

    row: AdSpend
    kind: Text
    name: str


@dataclass(frozen=True, slots=True)
class SpendSum:
    currency: str
    amount: Decimal


@require_safe
@page()
def spend_page(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    period = period_of(request.GET, account)
    form = KindForm(request.GET)
    kind = form.cleaned_data["kind"] if form.is_valid() else ""
    narrowing = Narrowing(request.GET, account, SPEND_NARROWERS)
    span = period.span(account)
    rows = narrowing.of(span.spend())
    if kind:
        rows = rows.filter(what__startswith=f"{kind}:")
    order = SORTING.known(request.GET.get("order", ""))
    listed = SORTING.sort(rows.select_related("creative", "direction", "targetologist"), order)
    current = CappedPages(listed, PAGE_SIZE).get_page(request.GET.get("page"))
    kept = [*narrowing.given.items(), *([("order", order)] if "order" in request.GET else [])]
    context: dict[str, Any] = {
        "period": period,
        "periods": LAST_DAYS,
        "kept": [*kept, *([("kind", kind)] if kind else [])],
        "kind_field": form["kind"],
        "narrowed": kept,
        "chips": narrowing.chips(),
        "page": current,
        "headings": _headings(order),
        "rows": [shown(row) for row in current],
        "sums": (sums := _sums(rows)),
        "in_all": _in_all(span, rows) if {item.currency for item in sums} - {account.currency} else None,
        "has_spend": bool(current.paginator.count) or account_rows(AdSpend, request).exists(),
    }
    return render_page(request, "pages/spend.html", context)


@require_safe
@page()
def spend_template(request: HttpRequest) -> HttpResponse:
    """An empty file with the columns that an upload may have."""
    return csv_response("ad-spend", TEMPLATE, [])


def _headings(order: str) -> list[Heading]:
    return [
        heading(_("Day"), "-day", order),
        Heading(_("Spent on")),
        heading(_("Amount"), "-amount", order, is_number=True),
        heading(_("Impressions"), "-impressions", order, is_number=True),
        heading(_("Clicks"), "-clicks", order, is_number=True),
        heading(_("Source"), "source", order),
    ]


def shown(row: AdSpend) -> Spent:
    kind = row.what.partition(":")[0]
    thing = row.campaign if kind == "campaign" else getattr(row, kind, None)
    return Spent(row, KINDS.get(kind, ""), str(thing or ""))


def _in_all(span: Span, rows: QuerySet[AdSpend]) -> Decimal | None:
    """In the account's currency, as the report has it that leads here; None where a rate is missing."""
    figures = spent_on(span, rows)
    return None if figures.spend_lacks else figures.spend


def _sums(rows: QuerySet[AdSpend]) -> list[SpendSum]:
    sums = rows.order_by().values("currency").annotate(amount=Sum("amount")).order_by("currency")
    return [SpendSum(**row) for row in sums]
