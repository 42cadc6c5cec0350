"""`/app/roi`: what every creative, direction, campaign, targetologist or referrer cost and brought."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.views.decorators.http import require_safe

from analytics.pages.periods import LAST_DAYS, Period, period_of
from analytics.pages.roi_table import RoiTable
from analytics.reports.definitions import BASIS_LABELS, BASIS_MEANINGS, BELONGS, ROI_FIGURES, TABS
from analytics.reports.figures import missing_rates
from analytics.reports.roi import Roi, roi
from analytics.reports.spans import Basis, GroupBy
from leads.access import account_of, page
from leads.models import UserAccount
from leads.pages.rendering import render_page

PAGE_SIZE = 100
# Where what the rows name is entered; a campaign is what UTM and spend call it.
_NAMES = {
    GroupBy.CREATIVE: reverse_lazy("admin:leads_creative_changelist"),
    GroupBy.DIRECTION: reverse_lazy("admin:leads_direction_changelist"),
    GroupBy.TARGETOLOGIST: reverse_lazy("admin:analytics_targetologist_changelist"),
    GroupBy.REFERRER: reverse_lazy("admin:analytics_referrer_changelist"),
}
REPORT = "/api/analytics/roi"

Choice = TypeVar("Choice", bound=TextChoices)


@require_safe
@page()
def roi_page(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    period = period_of(request.GET, account)
    group_by = _one_of(request.GET.get("by"), GroupBy, GroupBy.CREATIVE)
    basis = _one_of(request.GET.get("basis"), Basis, Basis.SALE)
    report = roi(period.span(account), group_by, basis)
    table = RoiTable(report, period, request.GET.get("order", ""))
    shown = Paginator(table.rows(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "period": period,
        "periods": LAST_DAYS,
        "kept": [(name, request.GET[name]) for name in ("by", "basis", "order") if name in request.GET],
        "tabs": [(value, label, value == group_by) for value, label in TABS.items()],
        "tab_label": TABS[group_by],
        "bases": [(value, label, value == basis) for value, label in BASIS_LABELS.items()],
        "basis_meaning": BASIS_MEANINGS[basis],
        "belongs": BELONGS[group_by],
        "definitions": ROI_FIGURES,
        "table": table,
        "page": shown,
        "lines": table.lines(shown),
        "csv_url": _csv_url(account, report, period),
        "names_url": _NAMES.get(group_by),
        **_lacks(report),
    }
    return render_page(request, "pages/roi.html", context)


def _lacks(report: Roi) -> dict[str, Any]:
    """What keeps the figures from being whole, for the notes above the table."""
    totals = report.totals
    return {
        "missing_rates": missing_rates(totals),
        "has_no_spend": bool(report.rows) and not totals.spend and not totals.spend_lacks,
        "currency": report.currency,
    }


def _csv_url(account: UserAccount, report: Roi, period: Period) -> str:
    """The API's own file, to which the session is good enough."""
    days = {name: day.isoformat() for name, day in (("from", period.first), ("to", period.last)) if day}
    query = {"group_by": report.group_by, "basis": report.basis, **days, "format": "csv", "userAccountId": account.pk}
    return f"{REPORT}?{urlencode(query)}"


def _one_of(asked: str | None, choices: type[Choice], default: Choice) -> Choice:
    return choices(asked) if asked in choices.values else default
