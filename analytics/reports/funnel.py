"""The funnel of one pipeline: how far the leads of these days have come, and how long they stood where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, DurationField, F, IntegerField, Max, OuterRef, Q, Subquery, When, Window
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import RowNumber

from analytics.reports.figures import percent
from analytics.reports.spans import Span
from leads.models import LeadStatusHistory, PipelineStage, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID

SYSTEM = (WON_STATUS_ID, LOST_STATUS_ID)


@dataclass(frozen=True, slots=True)
class StageFigures:
    """`reached`: leads that have stood here or in a later stage of the pipeline, or were won in it. `now`: that stand
    here. `conversion`: percent of the stage before that came this far; of the first stage 100, or 0 where nobody came.
    `median_seconds`: of the stays here that have ended; None without any.
    """

    status_id: int
    name: str
    color: str
    reached: int
    now: int
    conversion: Decimal
    median_seconds: int | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """`won`, `lost`: leads of these days that stand there now."""

    pipeline_id: int | None
    name: str
    stages: list[StageFigures]
    won: int
    lost: int


def first_pipeline(account: UserAccount) -> int | None:
    """The account's main pipeline: the first that is not archived. None when none has been read yet."""
    stages = PipelineStage.objects.filter(user_account=account)
    order = ("is_archived", "pipeline_sort", "pipeline_id")
    return stages.order_by(*order).values_list("pipeline_id", flat=True).first()


def later_stages(account: UserAccount, pipeline_id: int, status_id: int) -> list[int]:
    """The stage and those after it, won among them: who stood in one of them has reached it. None of no such stage."""
    stages = PipelineStage.objects.filter(user_account=account, pipeline_id=pipeline_id).exclude(status_id__in=SYSTEM)
    steps = list(stages.order_by("sort_order", "status_id").values_list("status_id", flat=True))
    return [*steps[steps.index(status_id) :], WON_STATUS_ID] if status_id in steps else []


def funnel(span: Span, pipeline_id: int | None) -> Funnel | None:
    """None when the account has no such pipeline. Without an id: an empty funnel."""
    if pipeline_id is None:
        return Funnel(None, "", [], 0, 0)
    known = PipelineStage.objects.filter(user_account=span.account, pipeline_id=pipeline_id)
    stages = list(known.order_by("sort_order", "status_id"))
    if not stages:
        return None
    steps = [stage for stage in stages if stage.status_id not in SYSTEM]
    places = {stage.status_id: place for place, stage in enumerate(steps)}
    standing = _standing(span, pipeline_id, places)
    stays = _medians(span, pipeline_id, places)
    # A stage that amoCRM no longer has is shown where its place explains something: somebody stood there.
    shown = [
        stage for stage in steps if not stage.is_archived or stage.status_id in stays or standing.now[stage.status_id]
    ]
    name = next((stage.pipeline_name for stage in stages if not stage.is_archived), stages[0].pipeline_name)
    now = standing.now
    return Funnel(
        pipeline_id, name, _stage_figures(shown, places, standing, stays), now[WON_STATUS_ID], now[LOST_STATUS_ID]
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """`furthest`: how many leads have come to each place and no further; `now`: how many stand in each stage."""

    furthest: Counter[int]
    now: Counter[int]


def _standing(span: Span, pipeline_id: int, places: Mapping[int, int]) -> _Standing:
    """One statement: the database counts leads by their furthest place and present stage."""
    best = (
        LeadStatusHistory.objects.filter(lead=OuterRef("pk"), to_pipeline_id=pipeline_id)
        .order_by()
        .values("lead")
        .annotate(best=Max(_place_of("to_status_id", places)))
        .values("best")
    )
    here = Case(When(current_pipeline_id=pipeline_id, then=F("current_status_id")), default=None)
    rows = span.leads().annotate(best=Subquery(best, output_field=IntegerField()), here=here)
    furthest: Counter[int] = Counter()
    now: Counter[int] = Counter()
    for row in rows.values("best", "here").annotate(n=Count("pk")):
        stood = [place for place in (row["best"], _place(row["here"], places)) if place is not None]
        if stood:
            furthest[max(stood)] += row["n"]
        if row["here"] is not None:
            now[row["here"]] += row["n"]
    return _Standing(furthest, now)


def _place(status_id: int | None, places: Mapping[int, int]) -> int | None:
    """Won is the place after the last stage; lost is none."""
    return len(places) if status_id == WON_STATUS_ID else places.get(status_id) if status_id is not None else None


def _place_of(column: str, places: Mapping[int, int]) -> Case:
    whens = [When(**{column: status_id}, then=place) for status_id, place in places.items()]
    won = When(**{column: WON_STATUS_ID}, then=len(places))
    return Case(*whens, won, default=None, output_field=IntegerField())


def _medians(span: Span, pipeline_id: int, places: Mapping[int, int]) -> dict[int, int]:
    """Median of the stays in each stage that have ended, in whole seconds, computed by the database.

    A stay ends with the change that comes from its stage, and began with the change before that one.
    """
    before = LeadStatusHistory.objects.filter(lead=OuterRef("lead")).filter(
        Q(changed_at__lt=OuterRef("changed_at")) | Q(changed_at=OuterRef("changed_at"), tie__lt=OuterRef("tie"))
    )
    entered_at = Subquery(before.order_by("-changed_at").values("changed_at")[:1])
    endings = LeadStatusHistory.objects.filter(
        lead__in=span.leads().values("pk"), from_pipeline_id=pipeline_id, from_status_id__in=list(places)
    )
    stay = ExpressionWrapper(F("changed_at") - entered_at, output_field=DurationField())
    return _middle(endings.order_by().annotate(stay=stay))


def _middle(stays: Any) -> dict[int, int]:
    """The middle stay of each stage, the mean of the two middle ones of an even number."""
    by_stage = [F("from_status_id")]
    ranked = stays.annotate(
        rank=Window(RowNumber(), partition_by=by_stage, order_by=["stay", "pk"]),
        stays=Window(Count("pk"), partition_by=by_stage),
    ).filter(rank__gte=F("stays") / 2.0, rank__lte=F("stays") / 2.0 + 1)
    found: dict[int, list[timedelta]] = {}
    for status_id, stay in ranked.values_list("from_status_id", "stay"):
        found.setdefault(status_id, []).append(stay)
    return {
        status_id: round(sum(stay.total_seconds() for stay in middle) / len(middle))
        for status_id, middle in found.items()
    }


def _stage_figures(
    shown: Sequence[PipelineStage], places: Mapping[int, int], standing: _Standing, medians: Mapping[int, int]
) -> list[StageFigures]:
    figures: list[StageFigures] = []
    for stage in shown:
        place = places[stage.status_id]
        reached = sum(leads for furthest, leads in standing.furthest.items() if furthest >= place)
        before = figures[-1].reached if figures else reached
        figures.append(
            StageFigures(
                stage.status_id,
                stage.status_name,
                stage.status_color,
                reached,
                standing.now[stage.status_id],
                percent(reached, before),
                medians.get(stage.status_id),
            )
        )
    return figures
