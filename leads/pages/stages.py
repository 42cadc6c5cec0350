"""`/app/stages`: the pipelines as amoCRM has them, and which of their stages make a lead a qualified one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from leads.access import account_rows, page, posted
from leads.amounts import number
from leads.htmx import is_for_part
from leads.models import Lead, PipelineStage, Role
from leads.news import WON_STATUS_ID
from leads.pages.rendering import render_page, render_part
from leads.pages.stage_names import colour_of
from leads.pipelines import Pipeline, leads_standing, pipelines_in
from leads.qualification import Stage
from leads.services.stages import stage_mark_qualified


@dataclass(frozen=True, slots=True)
class StageRow:
    stage: PipelineStage
    leads: int
    colour: str
    is_won: bool


@dataclass(frozen=True, slots=True)
class PipelineRows:
    """`archived`: the stages, or all of a pipeline's, that amoCRM no longer reports."""

    pipeline_id: int
    name: str
    current: list[StageRow]
    archived: list[StageRow]
    leads: int


@require_safe
@page()
def stage_list(request: HttpRequest) -> HttpResponse:
    return render_page(request, "pages/stages.html", {"pipelines": _pipelines(request)})


@page(Role.STAFF)
@posted("page-stages")
def stage_qualified(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a stage qualified or not (`is_qualified_stage`: true, false). To htmx the answer is its row."""
    stage = get_object_or_404(account_rows(PipelineStage, request), pk=pk)
    is_qualified = request.POST.get("is_qualified_stage") == "true"
    changed = stage_mark_qualified(stage, is_qualified)
    message = _told(stage.status_name, is_qualified, changed)
    if is_for_part(request):
        counts = leads_standing(account_rows(Lead, request).filter(current_status_id=stage.status_id))
        return render_part(request, "pages/_stage_marked.html", {"row": _row(stage, counts), "message": message})
    messages.success(request, message)
    return redirect("page-stages")


def _told(name: str, is_qualified: bool, changed: int) -> str:
    if is_qualified:
        said = _("“%(stage)s” now makes a lead qualified.") % {"stage": name}
    else:
        said = _("“%(stage)s” no longer makes a lead qualified.") % {"stage": name}
    counted = ngettext("%(count)s lead changed.", "%(count)s leads changed.", changed) % {"count": number(changed)}
    return f"{said} {counted}"


def _pipelines(request: HttpRequest) -> list[PipelineRows]:
    counts = leads_standing(account_rows(Lead, request))
    return [_rows(pipeline, counts) for pipeline in pipelines_in(account_rows(PipelineStage, request))]


def _rows(pipeline: Pipeline, counts: Mapping[Stage, int]) -> PipelineRows:
    rows = [_row(stage, counts) for stage in pipeline.stages]
    return PipelineRows(
        pipeline_id=pipeline.pipeline_id,
        name=pipeline.title,
        current=[row for row in rows if not row.stage.is_archived],
        archived=[row for row in rows if row.stage.is_archived],
        leads=sum(row.leads for row in rows),
    )


def _row(stage: PipelineStage, counts: Mapping[Stage, int]) -> StageRow:
    return StageRow(
        stage=stage,
        leads=counts.get((stage.pipeline_id, stage.status_id), 0),
        colour=colour_of(stage.status_color),
        is_won=stage.status_id == WON_STATUS_ID,
    )
