"""`/app/leads`: the account's leads, searched, filtered, sorted, by pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from leads.access import account_of, page
from leads.models import Lead
from leads.pages.lead_search import LeadSearch
from leads.pages.rendering import render_page
from leads.pages.sorting import Heading, heading
from leads.pages.stage_names import StageBook, StageName
from leads.paging import CappedPages

PAGE_SIZE = 30


@dataclass(frozen=True, slots=True)
class Row:
    lead: Lead
    stage: StageName | None


@require_safe
@page()
def lead_list(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    stages = StageBook.of(account)
    search = LeadSearch(request.GET, account, stages)
    leads = search.leads().select_related("creative").defer("own_utm", "deal_utm", "contact_phones", "match_detail")
    shown = CappedPages(leads, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "search": search,
        "filters": [search[name] for name in ("stage", "source", "qualified", "match", "since", "until")],
        "chips": search.narrowing.chips(),
        "page": shown,
        "rows": [Row(lead, stages.find(lead.current_pipeline_id, lead.current_status_id)) for lead in shown],
        "headings": _headings(search.order_name),
        "has_leads": bool(shown.paginator.count) or Lead.objects.filter(user_account=account).exists(),
    }
    return render_page(request, "pages/leads.html", context)


def _headings(order: str) -> list[Heading]:
    return [
        heading(_("Lead"), "name", order),
        Heading(_("Stage")),
        Heading(_("Source")),
        heading(_("Price"), "-price", order, is_number=True),
        Heading(_("Match")),
        Heading(_("Creative")),
        heading(_("News"), "-news", order),
        heading(_("Day"), "-day", order),
    ]
