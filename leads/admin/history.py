"""All stage changes, to look one deal up in."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from leads.admin import tenancy
from leads.admin.base import ReadOnlyAdmin
from leads.admin.evidence import told_by
from leads.admin.filters import AccountFilter
from leads.admin.looks import link, second
from leads.admin.stage_names import NamesStages, stages_of
from leads.ids import id_in
from leads.models import LeadStatusHistory


@admin.register(LeadStatusHistory)
class LeadStatusHistoryAdmin(NamesStages, ReadOnlyAdmin[LeadStatusHistory]):
    list_display = ("id", "amocrm_lead_id", "lead_link", "came_from", "went_to", "changed", "source", "user_account")
    list_select_related = ("user_account", "lead")
    list_filter = (AccountFilter,)
    search_fields = ("amocrm_lead_id",)
    search_help_text = _("A deal's id")
    sortable_by = ()
    fields = (
        *("user_account", "lead_link", "amocrm_lead_id", "came_from", "went_to"),
        *("changed", "source", "webhook_data"),
    )
    readonly_fields = fields

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        """The newest first, as an index has them: one account's by when we learnt of them, all by their id."""
        ids = tenancy.account_ids(request)
        return ("-learnt_at", "-id") if ids is not None and len(ids) == 1 else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LeadStatusHistory], search_term: str
    ) -> tuple[QuerySet[LeadStatusHistory], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        deal_id = id_in(term)
        return (queryset.none() if deal_id is None else queryset.filter(amocrm_lead_id=deal_id)), False

    @display(description=_("lead"))
    def lead_link(self, change: LeadStatusHistory) -> SafeString:
        return link(reverse("admin:leads_lead_change", args=[change.lead_id]), change.lead)

    @display(description=_("from stage"))
    def came_from(self, change: LeadStatusHistory) -> SafeString:
        return stages_of(change).show(change.user_account_id, change.from_pipeline_id, change.from_status_id)

    @display(description=_("to stage"))
    def went_to(self, change: LeadStatusHistory) -> SafeString:
        return stages_of(change).show(change.user_account_id, change.to_pipeline_id, change.to_status_id)

    @display(description=_("changed"))
    def changed(self, change: LeadStatusHistory) -> str:
        return second(change.changed_at, change.user_account)

    @display(description=_("told by"))
    def source(self, change: LeadStatusHistory) -> SafeString:
        return told_by(change.webhook_data)
