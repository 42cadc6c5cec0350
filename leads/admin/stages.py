"""Pipeline stages as amoCRM reports them; which of them count as qualified is decided here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from leads.admin.base import AccountScopedAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import badge, swatch
from leads.amounts import number
from leads.models import Lead, PipelineStage
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pages.stage_names import colour_of
from leads.services.stages import stage_mark_qualified

StageKey = tuple[Any, int, int]


class StageRowForm(forms.ModelForm[PipelineStage]):
    """A row of the list. The column's heading is no label of its box to a screen reader."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{self.instance}: {field.label}"
            field.help_text = ""  # not shown in a list


@admin.register(PipelineStage)
class PipelineStageAdmin(AccountScopedAdmin[PipelineStage]):
    add_role = None
    delete_role = None
    list_display = ("pipeline", "stage", "is_qualified_stage", "leads_now", "kind", "status_id", "user_account")
    list_display_links = ("stage",)
    list_editable = ("is_qualified_stage",)
    list_select_related = ("user_account",)
    list_filter = (AccountFilter, ("is_qualified_stage", BooleanRadioFilter), ("is_archived", BooleanRadioFilter))
    list_per_page = 200
    search_fields = ("pipeline_name", "status_name")
    ordering = ("user_account", "pipeline_sort", "pipeline_id", "sort_order", "status_id")
    fields = (
        *("user_account", "pipeline", "stage", "pipeline_id", "status_id", "kind"),
        *("leads_now", "is_qualified_stage"),
    )
    readonly_fields = ("pipeline", "stage", "pipeline_id", "status_id", "kind", "leads_now")
    actions = ()

    def prepare_page(self, request: HttpRequest, rows: list[PipelineStage]) -> None:
        counts, before = leads_by_stage(rows), None
        for stage in rows:
            stage.leads_now_count = counts.get(_key(stage), 0)  # type: ignore[attr-defined]
            stage.opens_pipeline = before != (stage.user_account_id, stage.pipeline_id)  # type: ignore[attr-defined]
            before = (stage.user_account_id, stage.pipeline_id)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": StageRowForm, **kwargs})

    @display(description=_("pipeline"), ordering="pipeline_name")
    def pipeline(self, stage: PipelineStage) -> str:
        """The name stands where its pipeline begins, so that the list reads as groups."""
        return stage.pipeline_name or str(stage.pipeline_id) if getattr(stage, "opens_pipeline", True) else ""

    @display(description=_("stage"), ordering="status_name")
    def stage(self, stage: PipelineStage) -> SafeString:
        return swatch(colour_of(stage.status_color), stage.status_name or stage.status_id)

    @display(description=_("leads now"))
    def leads_now(self, stage: PipelineStage) -> int:
        known: int | None = getattr(stage, "leads_now_count", None)
        return leads_by_stage([stage]).get(_key(stage), 0) if known is None else known

    @display(description=_("kind"))
    def kind(self, stage: PipelineStage) -> SafeString | str:
        if stage.is_archived:
            return badge(_("archived"), "warn", str(_("amoCRM no longer reports this stage; history keeps it.")))
        kinds = {WON_STATUS_ID: badge(_("won"), "good"), LOST_STATUS_ID: badge(_("lost"), "bad")}
        return kinds.get(stage.status_id, "")

    def save_row(self, request: HttpRequest, obj: PipelineStage, form: Any, change: bool) -> None:
        changed = stage_mark_qualified(obj, form.cleaned_data["is_qualified_stage"])
        text = ngettext("%(stage)s: %(n)s lead changed.", "%(stage)s: %(n)s leads changed.", changed)
        self.message_user(request, text % {"stage": obj, "n": number(changed)}, messages.SUCCESS)


def _key(stage: PipelineStage) -> StageKey:
    return stage.user_account_id, stage.pipeline_id, stage.status_id


def leads_by_stage(stages: list[PipelineStage]) -> dict[StageKey, int]:
    """Leads that stand in these stages now, by one statement."""
    rows = (
        Lead.objects.filter(
            user_account__in={stage.user_account_id for stage in stages},
            current_pipeline_id__in={stage.pipeline_id for stage in stages},
            is_deleted=False,
        )
        .order_by()
        .values_list("user_account_id", "current_pipeline_id", "current_status_id")
        .annotate(n=Count("pk"))
    )
    return {(account_id, pipeline_id or 0, status_id or 0): n for account_id, pipeline_id, status_id, n in rows}
