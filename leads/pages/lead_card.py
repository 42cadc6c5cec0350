"""`/app/leads/<id>`: one lead: what the response brought, how the deal was matched, where the deal has been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from leads.access import account_of, account_rows, page
from leads.deals.facts import utm_place
from leads.models import Lead, LeadStatusHistory, MatchMethod
from leads.news import UTM_COLUMNS
from leads.pages.rendering import render_page
from leads.pages.stage_names import StageBook, StageName
from leads.told import retold

MATCH_WORDS: dict[str, str | Promise] = {
    MatchMethod.DEAL_ID: _("The deal was known by its number: this lead had already been tied to it."),
    MatchMethod.PHONE: _("The deal's contact has the phone that this lead left."),
    MatchMethod.REPEAT: _("Somebody who had bought before came again; creative, direction and UTM are inherited."),
    MatchMethod.CREATED: _("No lead had this phone: the deal was met in amoCRM, and this lead made for it."),
    MatchMethod.MANUAL: _("Tied by hand."),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One stage of the deal's way. `until` None: it stands there now. Of who told of it at most one is set."""

    stage: StageName | None
    since: datetime
    until: datetime | None
    delivery_id: int | None
    sync_run_id: int | None
    event_id: str


@dataclass(frozen=True, slots=True)
class Related:
    lead: Lead
    stage: StageName | None


@require_safe
@page()
def lead_card(request: HttpRequest, pk: int) -> HttpResponse:
    leads = account_rows(Lead, request).select_related("creative", "direction", "origin_lead")
    lead = get_object_or_404(leads, pk=pk)
    stages = StageBook.of(account_of(request))
    context = {
        "lead": lead,
        "stage": stages.find(lead.current_pipeline_id, lead.current_status_id),
        "match_words": MATCH_WORDS.get(lead.match_method or ""),
        "utm": _utm(lead),
        "utm_place": retold(utm_place(lead)),
        "moments": list(reversed(list(_moments(lead, stages)))),
        "related": list(_related(lead, stages)),
    }
    return render_page(request, "pages/lead.html", context)


def _utm(lead: Lead) -> list[tuple[str, str]]:
    return [(column, getattr(lead, column)) for column in UTM_COLUMNS if getattr(lead, column)]


def _moments(lead: Lead, stages: StageBook) -> Iterator[Moment]:
    """The stages in order. A lead's history is its present deal's: what an older deal left stays with that deal."""
    rows = list(LeadStatusHistory.objects.filter(lead=lead).order_by("changed_at", "tie"))
    for row, following in zip_longest(rows, rows[1:]):
        evidence = row.webhook_data if isinstance(row.webhook_data, dict) else {}
        yield Moment(
            stage=stages.find(row.to_pipeline_id, row.to_status_id),
            since=row.changed_at,
            until=following.changed_at if following else None,
            delivery_id=evidence.get("delivery_id"),
            sync_run_id=evidence.get("sync_run_id"),
            event_id=str(evidence.get("event_id") or ""),
        )


def _related(lead: Lead, stages: StageBook) -> Iterator[Related]:
    """The other purchases of the same person: all that lead back to one first lead."""
    origin_id = lead.origin_lead_id or lead.pk
    others = Lead.objects.filter(Q(pk=origin_id) | Q(origin_lead_id=origin_id), user_account_id=lead.user_account_id)
    for other in others.exclude(pk=lead.pk).order_by("lead_at")[:20]:
        yield Related(other, stages.find(other.current_pipeline_id, other.current_status_id))
