"""`/app/targetologists/<id>`: what a targetologist sold today, this week, this month, and by which creatives."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics.earning.figures import by_creative, periods
from analytics.models import Sale, SaleStatus, Targetologist
from analytics.pages.narrowers import value_of
from analytics.pages.periods import DEFAULT_DAYS
from analytics.pages.sales import STATUS_KINDS
from leads.access import account_of, account_rows, page
from leads.days import last_days
from leads.pages.rendering import render_page

SHOWN_SALES = 50
TITLES = {"day": _("Today"), "week": _("This week"), "month": _("This month")}


@require_safe
@page()
def targetologist_page(request: HttpRequest, pk: int) -> HttpResponse:
    account = account_of(request)
    person = get_object_or_404(account_rows(Targetologist, request), pk=pk)
    sales = account_rows(Sale, request).filter(targetologist=person)
    since = last_days(account, DEFAULT_DAYS)[0]
    last = sales.order_by("-sold_at", "-id")[:SHOWN_SALES]
    context = {
        "person": person,
        "periods": [(TITLES[period.name], period) for period in periods(sales, account)],
        "creatives": [(value_of(one.creative_id), one) for one in by_creative(sales, account, since)],
        "days": DEFAULT_DAYS,
        "since": since,
        "rows": [(sale, STATUS_KINDS[SaleStatus(sale.status)]) for sale in last],
    }
    return render_page(request, "analytics/targetologist.html", context)
