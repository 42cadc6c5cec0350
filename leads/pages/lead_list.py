"""`/app/leads`: the account's leads, searched, filtered, sorted, by pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from leads.access import account_of, page
from leads.models import Lead
from leads.pages.lead_search import LeadSearch
from leads.pages.rendering import render_page
from leads.pages.stage_names import StageBook, StageName

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Row:
    lead: Lead
    stage: StageName | None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading. `order`: what a click on it asks for, empty where the page cannot be sorted by it."""

    label: str | Promise
    order: str = ""
    sorted: str = ""
    is_number: bool = False


@require_safe
@page()
def lead_list(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    stages = StageBook(account)
    search = LeadSearch(request.GET, account, stages)
    leads = search.leads().select_related("creative").defer("own_utm", "deal_utm", "contact_phones", "match_detail")
    shown = Paginator(leads, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "search": search,
        "filters": [search[name] for name in ("stage", "source", "qualified", "match", "since", "until")],
        "chips": search.narrowing.chips(),
        "page": shown,
        "rows": [Row(lead, stages.find(lead.current_pipeline_id, lead.current_status_id)) for lead in shown],
        "columns": _columns(search.order_name),
        "has_leads": bool(shown.paginator.count) or Lead.objects.filter(user_account=account).exists(),
    }
    return render_page(request, "pages/leads.html", context)


def _columns(order: str) -> list[Column]:
    return [
        _sortable(_("Lead"), "name", order),
        Column(_("Stage")),
        Column(_("Source")),
        _sortable(_("Price"), "-price", order, is_number=True),
        Column(_("Match")),
        Column(_("Creative")),
        _sortable(_("News"), "-news", order),
        _sortable(_("Day"), "-day", order),
    ]


def _sortable(label: str | Promise, first: str, order: str, *, is_number: bool = False) -> Column:
    name = first.removeprefix("-")
    if order.removeprefix("-") != name:
        return Column(label, first, "", is_number)
    is_descending = order.startswith("-")
    other = name if is_descending else f"-{name}"
    return Column(label, other, "descending" if is_descending else "ascending", is_number)
