"""What no hook told of, and how well the hooks do day by day."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from integrations.models import HookDay, SyncGap
from leads.admin.base import ReadOnlyAdmin
from leads.admin.filters import AccountFilter


@admin.register(SyncGap)
class SyncGapAdmin(ReadOnlyAdmin[SyncGap]):
    """The ledger: every change that no hook had told of."""

    list_display = (
        *("changed_at", "user_account", "amocrm_lead_id", "what", "before", "after", "learnt_at"),
        *("repaired_by", "told_at"),
    )
    list_select_related = ("user_account",)
    list_filter = (AccountFilter, ("what", ChoicesDropdownFilter), ("repaired_by", ChoicesDropdownFilter))
    search_fields = ("=amocrm_lead_id",)
    sortable_by = ()
    ordering = ("-id",)


@admin.register(HookDay)
class HookDayAdmin(ReadOnlyAdmin[HookDay]):
    """Per day: what the hooks told, what they did not, and how late they were."""

    list_display = ("day", "user_account", "told", "untold", "late", "shown_loss", "delay_p50", "delay_p95")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    sortable_by = ()
    ordering = ("-day", "-id")

    @display(description=_("loss"))
    def shown_loss(self, day: HookDay) -> str:
        return "—" if day.loss is None else f"{day.loss:.2f} %"
