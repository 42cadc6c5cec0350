"""Syncs: what the CRM was read for, and what that brought."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from integrations import bodies
from integrations.models import SyncRun
from integrations.pages.sync_run import STATE_KINDS
from leads.admin.base import ReadOnlyAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import badge, duration, numbered
from leads.told import retold


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin[SyncRun]):
    list_display = (
        *("started", "user_account", "shown_state", "kind", "is_full", "total", "updated", "errors"),
        *("drift_count", "api_requests", "took"),
    )
    list_select_related = ("user_account",)
    list_filter = (AccountFilter, ("kind", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    sortable_by = ()
    ordering = ("-id",)
    fieldsets: Any = (
        (None, {"fields": ("user_account", "shown_state", "kind", "is_full", "detail")}),
        (_("Numbers"), {"fields": ("total", "updated", "errors", "drift_count", "api_requests")}),
        (_("Time"), {"fields": ("started_at", "finished_at", "took")}),
        (_("Progress"), {"fields": ("shown_progress",)}),
    )
    readonly_fields = (
        *("user_account", "shown_state", "kind", "is_full", "detail", "total", "updated", "errors"),
        *("drift_count", "api_requests", "started_at", "finished_at", "took", "shown_progress"),
    )

    @display(description=_("started"))
    def started(self, run: SyncRun) -> SafeString:
        return numbered(run, run.started_at)

    @display(description=_("state"))
    def shown_state(self, run: SyncRun) -> SafeString:
        state = SyncRun.State(run.state)
        return badge(state.label, STATE_KINDS[state], retold(run.detail)[:300])

    @display(description=_("took"))
    def took(self, run: SyncRun) -> str:
        return duration((run.finished_at or timezone.now()) - run.started_at)

    @display(description=_("progress"))
    def shown_progress(self, run: SyncRun) -> SafeString:
        return bodies.tree(run.progress)
