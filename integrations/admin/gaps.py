"""What no hook told of, and how well the hooks do day by day."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from integrations.models import HookDay, SyncGap
from leads.admin.base import ReadOnlyAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, duration, minute, percent
from leads.admin.stage_names import NamesStages, stages_of


@admin.register(SyncGap)
class SyncGapAdmin(NamesStages, ReadOnlyAdmin[SyncGap]):
    """The ledger: every change that no hook had told of."""

    list_display = (
        *("changed", "user_account", "amocrm_lead_id", "what", "was", "became", "learnt"),
        *("repaired_by", "told"),
    )
    list_select_related = ("user_account",)
    list_filter = (AccountFilter, ("what", ChoicesDropdownFilter), ("repaired_by", ChoicesDropdownFilter))
    search_fields = ("=amocrm_lead_id",)
    sortable_by = ()
    ordering = ("-id",)

    @display(description=_("changed"))
    def changed(self, gap: SyncGap) -> str:
        return minute(gap.changed_at, gap.user_account)

    @display(description=_("before"))
    def was(self, gap: SyncGap) -> SafeString | str:
        return _stage_or_text(gap, gap.before)

    @display(description=_("after"))
    def became(self, gap: SyncGap) -> SafeString | str:
        return _stage_or_text(gap, gap.after)

    @display(description=_("learnt"))
    def learnt(self, gap: SyncGap) -> str:
        return minute(gap.learnt_at, gap.user_account)

    @display(description=_("told late"))
    def told(self, gap: SyncGap) -> str:
        return minute(gap.told_at, gap.user_account)


@admin.register(HookDay)
class HookDayAdmin(ReadOnlyAdmin[HookDay]):
    """Per day: what the hooks told, what they did not, and how late they were."""

    list_display = ("on", "user_account", "told", "untold", "late", "shown_loss", "median", "slow")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    sortable_by = ()
    ordering = ("-day", "-id")

    @display(description=_("day"))
    def on(self, day: HookDay) -> str:
        return f"{day.day:%d.%m.%Y}"

    @display(description=_("loss"))
    def shown_loss(self, day: HookDay) -> str:
        return percent(day.loss)

    @display(description=_("median delay"))
    def median(self, day: HookDay) -> str:
        return _delay(day.delay_p50)

    @display(description=_("delay, 95th percentile"))
    def slow(self, day: HookDay) -> str:
        return _delay(day.delay_p95)


def _stage_or_text(gap: SyncGap, text: str) -> SafeString | str:
    stage = gap.stage_in(text)
    return stages_of(gap).show(gap.user_account_id, *stage) if stage[1] else text or EMPTY


def _delay(seconds: float | None) -> str:
    return duration(None if seconds is None else timedelta(seconds=seconds))
