"""`/app/stages`: the pipelines as amoCRM has them, and which of their stages make a lead a qualified one."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from leads.access import account_rows, page
from leads.amounts import number
from leads.htmx import is_for_part
from leads.models import Lead, PipelineStage, Role
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pages.rendering import render_page, render_part
from leads.pages.stage_names import colour_of, pipelines_of
from leads.services.stages import stage_mark_qualified


@dataclass(frozen=True, slots=True)
class StageRow:
    stage: PipelineStage
    leads: int
    colour: str
    is_won: bool
    is_lost: bool


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
def stage_qualified(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a stage qualified or not (`is_qualified_stage`: true, false). To htmx the answer is its row."""
    if request.method != "POST":  # somebody was sent here after having signed in again
        return redirect("page-stages")
    stage = account_rows(PipelineStage, request).filter(pk=pk).first()
    if stage is None:
        raise Http404
    is_qualified = request.POST.get("is_qualified_stage") == "true"
    changed = stage_mark_qualified(stage, is_qualified)
    message = _told(stage.status_name, is_qualified, changed)
    if is_for_part(request):
        count = _leads(request).filter(current_pipeline_id=stage.pipeline_id, current_status_id=stage.status_id).count()
        return render_part(request, "pages/_stage_marked.html", {"row": _row(stage, count), "message": message})
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
    standing = (
        _leads(request)
        .filter(current_status_id__isnull=False)
        .values_list("current_pipeline_id", "current_status_id")
        .annotate(count=Count("id"))
        .order_by()
    )
    counts = {(pipeline_id, status_id): count for pipeline_id, status_id, count in standing}
    stages = account_rows(PipelineStage, request)
    return [
        _rows(pipeline_id, [_row(stage, counts.get((stage.pipeline_id, stage.status_id), 0)) for stage in rows])
        for pipeline_id, rows in pipelines_of(stages).items()
    ]


def _leads(request: HttpRequest) -> QuerySet[Lead]:
    return account_rows(Lead, request).filter(is_deleted=False)


def _rows(pipeline_id: int, rows: list[StageRow]) -> PipelineRows:
    return PipelineRows(
        pipeline_id=pipeline_id,
        name=rows[0].stage.pipeline_name or str(pipeline_id),
        current=[row for row in rows if not row.stage.is_archived],
        archived=[row for row in rows if row.stage.is_archived],
        leads=sum(row.leads for row in rows),
    )


def _row(stage: PipelineStage, leads: int) -> StageRow:
    return StageRow(
        stage=stage,
        leads=leads,
        colour=colour_of(stage.status_color),
        is_won=stage.status_id == WON_STATUS_ID,
        is_lost=stage.status_id == LOST_STATUS_ID,
    )
