"""`/app/syncs/<id>`: one reading of the CRM, and what it found that no hook had told."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from integrations.models import SyncGap, SyncRun
from leads.access import account_of, account_rows, page
from leads.ids import id_in
from leads.models import Lead
from leads.pages.rendering import render_page
from leads.pages.stage_names import StageBook

SHOWN_GAPS = 200
STATE_KINDS = {SyncRun.State.RUNNING: "info", SyncRun.State.DONE: "good", SyncRun.State.FAILED: "bad"}


@require_safe
@page()
def sync_run(request: HttpRequest, pk: int) -> HttpResponse:
    """With `?deal=`: only what it found of that deal."""
    run = get_object_or_404(account_rows(SyncRun, request), pk=pk)
    deal_id = id_in(request.GET.get("deal", ""))
    rows = SyncGap.objects.filter(run=run).order_by("id")
    gaps = list(rows.filter(amocrm_lead_id=deal_id) if deal_id else rows[:SHOWN_GAPS])
    deals = {gap.amocrm_lead_id for gap in gaps}
    leads = Lead.objects.filter(user_account=account_of(request), amocrm_lead_id__in=deals)
    lead_ids = dict(leads.values_list("amocrm_lead_id", "pk"))
    stages = StageBook.of(account_of(request))
    context = {
        "run": run,
        "kind": STATE_KINDS[SyncRun.State(run.state)],
        "deal": deal_id,
        "gaps": [
            {
                "row": gap,
                "lead_id": lead_ids.get(gap.amocrm_lead_id),
                "came_from": stages.find(*gap.stage_in(gap.before)),
                "went_to": stages.find(*gap.stage_in(gap.after)),
            }
            for gap in gaps
        ],
        "shown": SHOWN_GAPS,
    }
    return render_page(request, "pages/sync_run.html", context)
