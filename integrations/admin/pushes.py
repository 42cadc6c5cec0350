"""Leads on their way to amoCRM: what became of each, and sending again what was refused."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from integrations.models import LeadPush, PushSettings
from integrations.push.queue import push_again
from leads.admin.base import OnePerAccountAdmin, ReadOnlyAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, badge, cut, link, numbered
from leads.models import PushState
from leads.told import retold

STATE_BADGES = {PushState.PENDING: "info", PushState.PUSHED: "good", PushState.FAILED: "bad"}


@admin.register(LeadPush)
class LeadPushAdmin(ReadOnlyAdmin[LeadPush]):
    list_display = ("queued", "user_account", "shown_state", "shown_lead", "deal", "short_detail", "attempts")
    list_select_related = ("user_account", "lead")
    list_filter = (AccountFilter, ("state", ChoicesDropdownFilter))
    sortable_by = ()
    ordering = ("-id",)
    actions = ("push_again_selected",)
    fieldsets: Any = (
        (None, {"fields": ("user_account", "shown_state", "detail", "shown_lead", "deal")}),
        (_("Sending"), {"fields": ("attempts", "queued", "sent_at", "next_attempt_at")}),
    )
    readonly_fields = (
        *("user_account", "shown_state", "detail", "shown_lead", "deal", "attempts", "queued", "sent_at"),
        "next_attempt_at",
    )

    @display(description=_("queued"))
    def queued(self, row: LeadPush) -> SafeString:
        return numbered(row, row.created_at)

    @display(description=_("state"))
    def shown_state(self, row: LeadPush) -> SafeString:
        state = PushState(row.state)
        return badge(state.label, STATE_BADGES.get(state, ""), retold(row.detail)[:300])

    @display(description=_("lead"))
    def shown_lead(self, row: LeadPush) -> SafeString:
        return link(reverse("admin:leads_lead_change", args=(row.lead_id,)), row.lead)

    @display(description=_("deal"))
    def deal(self, row: LeadPush) -> str:
        return str(row.amocrm_lead_id or EMPTY)

    @display(description=_("in words"))
    def short_detail(self, row: LeadPush) -> SafeString:
        return cut(retold(row.detail), 80)

    @admin.action(description=_("Send again what amoCRM refused"), permissions=["staff"])
    def push_again_selected(self, request: HttpRequest, queryset: QuerySet[LeadPush]) -> None:
        count = push_again(self.writable(request, queryset))
        text = ngettext("%d lead is being sent again.", "%d leads are being sent again.", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)


@admin.register(PushSettings)
class PushSettingsAdmin(OnePerAccountAdmin[PushSettings]):
    list_display = ("__str__", "qualified_tag")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    ordering = ("id",)
    fields = ("user_account", "qualified_tag")
