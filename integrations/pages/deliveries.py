"""`/app/deliveries`: what arrived, as it arrived, and what it did: the last step from a figure down to its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from analytics.models import Routing
from integrations import bodies
from integrations.delivery import deals_in, mend_hint, removal_text
from integrations.models import Hook, ProcessingStatus, WebhookLog
from integrations.replay import replay
from leads.access import account_of, account_rows, page
from leads.ids import MAX_ID
from leads.models import Lead, LeadStatusHistory, Role, UserAccount
from leads.pages.rendering import render_page
from leads.pages.stage_names import StageBook, StageName

PAGE_SIZE = 50
SHOWN_ROWS = 50
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
    if pk <= MAX_ID and (text := removal_text([account.pk], pk)) and not _is_there(request, pk):
        messages.warning(request, text)  # history refers to deliveries for ever, and they are not kept for ever
        return redirect("page-deliveries")
    delivery = _delivery(request, pk)
    deals = deals_in(delivery)
    body = bytes(delivery.raw_body)
    stages = StageBook(account)
    context = {
        "delivery": delivery,
        "kind": STATUS_KINDS[ProcessingStatus(delivery.processing_status)],
        "hint": mend_hint(delivery),
        "leads": _leads(account, deals, stages),
        "deals": deals[:SHOWN_ROWS],
        "more_deals": max(len(deals) - SHOWN_ROWS, 0),
        "changes": _changes(delivery, deals, stages),
        "size": len(body),
        "is_cut": len(body) > bodies.SHOWN_BYTES,
        "tree": bodies.tree(delivery.deal_data) if delivery.deal_data is not None else "",
        "readable": bodies.readable(body, delivery.content_type),
        "raw": bodies.as_text(body[: bodies.SHOWN_BYTES]),
    }
    return render_page(request, "pages/delivery.html", context)


@require_safe
@page()
def delivery_body(request: HttpRequest, pk: int) -> HttpResponse:
    """The raw body as a file: never shown by the browser, for it is a stranger's."""
    response = HttpResponse(bytes(_delivery(request, pk).raw_body), content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="delivery-{pk}.txt"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@page(Role.STAFF)
def delivery_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the delivery back into the queue. Doing so twice changes nothing twice."""
    delivery = _delivery(request, pk)
    if request.method == "POST":
        queued = replay(account_rows(WebhookLog, request).filter(pk=delivery.pk))
        text = ngettext("%(n)s delivery is queued again.", "%(n)s deliveries are queued again.", queued)
        messages.success(request, text % {"n": queued})
    return redirect("page-delivery", pk)


def _is_there(request: HttpRequest, pk: int) -> bool:
    return account_rows(WebhookLog, request).filter(pk=pk).exists()


def _delivery(request: HttpRequest, pk: int) -> WebhookLog:
    found = account_rows(WebhookLog, request).filter(pk=pk).first() if pk <= MAX_ID else None
    if found is None:
        raise Http404
    return found


def _leads(account: UserAccount, deals: list[int], stages: StageBook) -> list[tuple[Lead, StageName | None]]:
    found = Lead.objects.filter(user_account=account, amocrm_lead_id__in=deals[:SHOWN_ROWS]).order_by("amocrm_lead_id")
    return [(lead, stages.find(lead.current_pipeline_id, lead.current_status_id)) for lead in found]


def _changes(delivery: WebhookLog, deals: list[int], stages: StageBook) -> list[Change]:
    rows = LeadStatusHistory.objects.filter(
        user_account=delivery.user_account_id,
        amocrm_lead_id__in=deals[:SHOWN_ROWS],
        webhook_data__delivery_id=delivery.pk,
    )
    return [
        Change(
            row,
            stages.find(row.from_pipeline_id, row.from_status_id),
            stages.find(row.to_pipeline_id, row.to_status_id),
        )
        for row in rows.order_by("changed_at", "tie")[:SHOWN_ROWS]
    ]
