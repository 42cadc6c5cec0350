"""The log viewer: every delivery as it arrived, and what became of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, MultipleChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from analytics.admin.cells import routing_badge
from integrations.admin.delivery_page import body_panel, did
from integrations.delivery import body_file, mend_hint, removal_text, replayed_text
from integrations.models import ProcessingStatus, WebhookLog
from integrations.pages.deliveries import STATUS_KINDS
from integrations.received import received_between
from integrations.replay import replay
from leads.admin import tenancy
from leads.admin.base import ReadOnlyAdmin
from leads.admin.days import DaysFilter
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, badge, cut, duration, lines, moment, numbered, pairs
from leads.admin.searching import phones_meant
from leads.admin.stage_names import NamesStages, stages_of
from leads.ids import id_in
from leads.models import DealPhone
from leads.told import retold

MOST_DEALS = 200
"""Of one phone. Who has more is a switchboard."""

_REPLAY_DIALOG: Any = {
    "title": _("Replay this delivery?"),
    "description": _("It is put back into the queue and applied again. Doing so twice changes nothing twice."),
    "form_submit_text": _("Replay"),
}


class ReceivedFilter(DaysFilter):
    """By ids: there is no index on the time."""

    def between(self, rows: QuerySet[WebhookLog], begin: datetime | None, end: datetime | None) -> QuerySet[WebhookLog]:
        return received_between(rows, begin, end)


@admin.register(WebhookLog)
class WebhookLogAdmin(NamesStages, ReadOnlyAdmin[WebhookLog]):
    list_display = (
        *("arrived", "user_account", "status", "hook", "routing", "deal", "utm"),
        *("message", "attempts", "latency"),
    )
    list_display_links = ("arrived",)
    list_select_related = ("user_account",)
    list_fullwidth = True
    list_before_template = "admin/integrations/deliveries_before.html"
    list_filter = (
        ("processing_status", MultipleChoicesDropdownFilter),
        ("routing_decision", MultipleChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
        AccountFilter,
        ("received_at", ReceivedFilter),
    )
    # Sorting by a column without an index would read the whole table.
    sortable_by = ()
    search_fields = ("lead_id",)
    search_help_text = _("A deal's id or client's phone, or a delivery's id as #17")
    ordering = ("-id",)
    actions = ("replay_selected",)
    actions_detail = ("replay_one",)
    fieldsets: Any = (
        (_("Outcome"), {"fields": ("status", "what_it_did", "error", "tries", "user_account")}),
        (_("Delivery"), {"fields": ("received", "processed", "hook", "routed", "all_utm", "request_id")}),
        (_("Body"), {"fields": ("bodies",)}),
    )
    readonly_fields = (
        *("status", "what_it_did", "error", "tries", "received", "processed", "hook", "routed", "all_utm"),
        *("request_id", "bodies", "user_account"),
    )

    class Media:
        js = ("voronka/autorefresh.js", "voronka/copy.js")

    # --- The list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookLog]:
        return super().get_queryset(request).defer("raw_body", "deal_data")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookLog], search_term: str
    ) -> tuple[QuerySet[WebhookLog], bool]:
        """An id, or a phone's deals, are looked up; nothing is ever searched for inside bodies."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = _deals_of_phone(request, term)
        number = id_in(term.removeprefix("#"))
        if number is not None:
            found |= Q(pk=number) if term.startswith("#") else Q(lead_id=number) | Q(pk=number)
        return queryset.filter(found), False

    @display(description=_("received"))
    def arrived(self, delivery: WebhookLog) -> SafeString:
        return numbered(delivery, delivery.received_at)

    @display(description=_("status"))
    def status(self, delivery: WebhookLog) -> SafeString:
        status = ProcessingStatus(delivery.processing_status)
        return badge(status.label, STATUS_KINDS[status])

    @display(description=_("hook"))
    def hook(self, delivery: WebhookLog) -> str:
        return delivery.get_source_display()

    @display(description=_("routing"))
    def routing(self, delivery: WebhookLog) -> SafeString:
        return routing_badge(delivery.routing_decision, delivery.routing_reason)

    @display(description=_("routing"))
    def routed(self, delivery: WebhookLog) -> SafeString:
        return format_html("{} {}", self.routing(delivery), retold(delivery.routing_reason))

    @display(description=_("deal"))
    def deal(self, delivery: WebhookLog) -> SafeString:
        pipeline = stages_of(delivery).pipeline(delivery.user_account_id, delivery.pipeline_id)
        return lines(delivery.lead_id, pipeline)

    @display(description="UTM")
    def utm(self, delivery: WebhookLog) -> SafeString:
        return lines(cut(delivery.utm_source, 28), cut(delivery.utm_campaign, 28))

    @display(description="UTM")
    def all_utm(self, delivery: WebhookLog) -> SafeString:
        return pairs([("utm_source", delivery.utm_source), ("utm_campaign", delivery.utm_campaign)])

    @display(description=_("message"))
    def message(self, delivery: WebhookLog) -> SafeString:
        return format_html('<span class="v-message">{}</span>', cut(retold(delivery.error_message) or EMPTY, 90))

    @display(description=_("took"))
    def latency(self, delivery: WebhookLog) -> str:
        return duration(delivery.processed_at - delivery.received_at if delivery.processed_at else None)

    # --- One delivery ---

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """History refers to deliveries for ever, and they are not kept for ever."""
        pk = id_in(object_id)
        text = "" if pk is None else removal_text(tenancy.account_ids(request), pk)
        if not text:
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[no-any-return]
        self.message_user(request, text, messages.WARNING)
        return redirect("admin:integrations_webhooklog_changelist")

    @display(description=_("processed"))
    def processed(self, delivery: WebhookLog) -> str:
        if delivery.processed_at is None:
            return EMPTY
        return f"{moment(delivery.processed_at, delivery.user_account)} ({self.latency(delivery)})"

    @display(description=_("received"))
    def received(self, delivery: WebhookLog) -> str:
        return moment(delivery.received_at, delivery.user_account)

    @display(description=_("tries"))
    def tries(self, delivery: WebhookLog) -> str:
        if delivery.next_attempt_at is None:
            return str(delivery.attempts)
        return f"{delivery.attempts}, {_('next at')} {moment(delivery.next_attempt_at, delivery.user_account)}"

    @display(description=_("message"))
    def error(self, delivery: WebhookLog) -> SafeString:
        text = retold(delivery.error_message) or EMPTY
        return format_html('<p class="v-wrap">{}</p><p class="v-second">{}</p>', text, mend_hint(delivery))

    @display(description=_("what it did"))
    def what_it_did(self, delivery: WebhookLog) -> SafeString:
        return did(delivery)

    @display(description=_("body"))
    def bodies(self, delivery: WebhookLog) -> SafeString:
        download = reverse("admin:integrations_webhooklog_body", args=[delivery.pk])
        return body_panel(delivery, download)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [path("<int:pk>/body/", view, name="integrations_webhooklog_body"), *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        delivery = self.get_queryset(request).defer(None).filter(pk=pk).first()
        if delivery is None:
            raise Http404
        return body_file(delivery)

    # --- Replay ---

    @admin.action(description=_("Replay selected deliveries"), permissions=["staff"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[WebhookLog]) -> None:
        self._replay(request, queryset)

    @action(
        description=_("Replay"),
        icon="replay",
        permissions=["staff"],
        variant=ActionVariant.PRIMARY,
        url_path="replay",
        dialog=_REPLAY_DIALOG,
    )
    def replay_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        if not self.has_staff_permission(request, object_id):
            raise PermissionDenied
        self._replay(request, self.get_queryset(request).filter(pk=object_id))
        back = reverse("admin:integrations_webhooklog_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": back})

    def _replay(self, request: HttpRequest, deliveries: QuerySet[WebhookLog]) -> None:
        queued = replay(self.writable(request, deliveries).order_by())
        self.message_user(request, replayed_text(queued), messages.SUCCESS if queued else messages.WARNING)


def _deals_of_phone(request: HttpRequest, term: str) -> Q:
    """Of no delivery, where the term is no phone or nobody's."""
    found = Q(pk__in=[])
    phones = phones_meant(request, term)
    if not phones:
        return found
    deals: dict[uuid.UUID, list[int]] = {}
    known = DealPhone.objects.filter(user_account__in=tenancy.accounts_of(request), phone_e164__in=phones)
    for account_id, deal_id in known.values_list("user_account_id", "amocrm_lead_id")[:MOST_DEALS]:
        deals.setdefault(account_id, []).append(deal_id)
    for account_id, deal_ids in deals.items():
        found |= Q(user_account=account_id, lead_id__in=deal_ids)
    return found
