"""`/app/sales`: what was sold, to whom, who is credited with it and why."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics.models import Sale, SaleStatus
from analytics.pages.sale_search import QUEUE, SaleSearch, paid_of
from leads.access import account_of, account_rows, page
from leads.pages.rendering import render_page
from leads.pages.sorting import Heading, heading
from leads.paging import CappedPages

PAGE_SIZE = 30
FIELDS = ("status", "credit", "targetologist", "referrer", "since", "until")
STATUS_KINDS = {SaleStatus.PAID: "good", SaleStatus.PENDING: "warn", SaleStatus.CANCELLED: "bad"}


@require_safe
@page()
def sales_page(request: HttpRequest) -> HttpResponse:
    search = SaleSearch(request.GET, account_of(request))
    found = search.sales()
    shown = CappedPages(found.select_related("targetologist", "conversion__referrer"), PAGE_SIZE)
    current = shown.get_page(request.GET.get("page"))
    context = {
        "search": search,
        "filters": [search[name] for name in FIELDS],
        "chips": search.narrowing.chips(),
        "page": current,
        "headings": _headings(search.order_name),
        "rows": [(sale, STATUS_KINDS[SaleStatus(sale.status)]) for sale in current],
        "paid": paid_of(found),
        "is_queue": search.given("credit") == QUEUE,
        "has_sales": bool(shown.count) or account_rows(Sale, request).exists(),
    }
    return render_page(request, "pages/sales.html", context)


def _headings(order: str) -> list[Heading]:
    return [
        heading(_("Client"), "client", order),
        heading(_("Amount"), "-amount", order, is_number=True),
        Heading(_("Status")),
        Heading(_("Credited to")),
        Heading(_("Why")),
        Heading(_("Deal")),
        heading(_("Sold"), "-sold", order),
    ]
