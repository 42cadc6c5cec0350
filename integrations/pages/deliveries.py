"""`/app/deliveries`: what arrived, as it arrived, and what it did: the last step from a figure down to its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics.models import Routing
from integrations.delivery import body_file, body_shown, deeds_of, mend_hint, removal_text, replayed_text
from integrations.models import Hook, ProcessingStatus, WebhookLog
from integrations.replay import replay
from leads.access import account_of, account_rows, page
from leads.ids import MAX_ID
from leads.models import LeadStatusHistory, Role
from leads.pages.rendering import render_page
from leads.pages.stage_names import StageBook, StageName

PAGE_SIZE = 50
ANY = ("", _("any"))

STATUS_KINDS = {
    ProcessingStatus.RECEIVED: "info",
    ProcessingStatus.SUCCESS: "good",
    ProcessingStatus.IGNORED: "",
    ProcessingStatus.PARTIAL: "warn",
    ProcessingStatus.ERROR: "bad",
}


class DeliverySearch(forms.Form):
    """The list's GET form. `before`: deliveries older than this one, as the link to the next page says."""

    deal = forms.IntegerField(label=_("Deal"), required=False, min_value=1, max_value=MAX_ID)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[ANY, *ProcessingStatus.choices])
    source = forms.ChoiceField(label=_("Hook"), required=False, choices=[ANY, *Hook.choices])
    routing = forms.ChoiceField(label=_("Routing"), required=False, choices=[ANY, *Routing.choices])
    before = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=1, max_value=MAX_ID)

    columns = {
        "deal": "lead_id",
        "status": "processing_status",
        "source": "source",
        "routing": "routing_decision",
        "before": "id__lt",
    }

    def conditions(self) -> dict[str, Any]:
        """What cannot be understood is said at its field and filters nothing."""
        self.is_valid()
        return {column: value for name, column in self.columns.items() if (value := self.cleaned_data.get(name))}


@require_safe
@page()
def delivery_list(request: HttpRequest) -> HttpResponse:
    search = DeliverySearch(request.GET)
    found = account_rows(WebhookLog, request).filter(**search.conditions()).defer("raw_body", "deal_data")
    # One more than is shown says whether there are others; counting them all would read the whole table.
    rows = list(found.order_by("-id")[: PAGE_SIZE + 1])
    context = {
        "filters": [search[name] for name in ("deal", "status", "source", "routing")],
        "is_narrowed": any(search.cleaned_data.values()),
        "rows": [(row, STATUS_KINDS[ProcessingStatus(row.processing_status)]) for row in rows[:PAGE_SIZE]],
        "older": rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None,
        "is_first": not search.cleaned_data.get("before"),
    }
    return render_page(request, "pages/deliveries.html", context)


@dataclass(frozen=True, slots=True)
class Change:
    """A stage change that the delivery told of."""

    row: LeadStatusHistory
    came_from: StageName | None
    went_to: StageName | None


@require_safe
@page()
def delivery_card(request: HttpRequest, pk: int) -> HttpResponse:
    account = account_of(request)
    delivery = account_rows(WebhookLog, request).filter(pk=pk).first()
    if delivery is None:  # history refers to deliveries for ever, and they are not kept for ever
        text = removal_text([account.pk], pk)
        if not text:
            raise Http404
        messages.warning(request, text)
        return redirect("page-deliveries")
    deeds = deeds_of(delivery)
    stages = StageBook.of(account)
    context = body_shown(delivery) | {
        "delivery": delivery,
        "kind": STATUS_KINDS[ProcessingStatus(delivery.processing_status)],
        "hint": mend_hint(delivery),
        "leads": [(lead, stages.find(lead.current_pipeline_id, lead.current_status_id)) for lead in deeds.leads],
        "strangers": deeds.strangers,
        "more_deals": deeds.more,
        "changes": [
            Change(
                row,
                stages.find(row.from_pipeline_id, row.from_status_id),
                stages.find(row.to_pipeline_id, row.to_status_id),
            )
            for row in deeds.changes
        ],
    }
    return render_page(request, "pages/delivery.html", context)


@require_safe
@page()
def delivery_body(request: HttpRequest, pk: int) -> HttpResponse:
    return body_file(get_object_or_404(account_rows(WebhookLog, request), pk=pk))


@page(Role.STAFF)
def delivery_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the delivery back into the queue. Doing so twice changes nothing twice."""
    delivery = get_object_or_404(account_rows(WebhookLog, request), pk=pk)
    if request.method == "POST":
        messages.success(request, replayed_text(replay(account_rows(WebhookLog, request).filter(pk=delivery.pk))))
    return redirect("page-delivery", pk)
