"""The funnel of one pipeline: how far the leads of these days have come, and how long they stood where."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from django.db.models import Sum

from analytics.reports.figures import percent
from analytics.reports.spans import Span
from leads.models import PipelineStage, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pipelines import pipelines_in

SYSTEM = (WON_STATUS_ID, LOST_STATUS_ID)
NOWHERE = -1


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
    found = pipelines_in(PipelineStage.objects.filter(user_account=span.account, pipeline_id=pipeline_id))
    if not found:
        return None
    [pipeline] = found
    steps = [stage for stage in pipeline.stages if stage.status_id not in SYSTEM]
    places = {stage.status_id: place for place, stage in enumerate(steps)}
    standing = _standing(span, pipeline_id, places)
    stays = _medians(span, pipeline_id)
    # A stage that amoCRM no longer has is shown where its place explains something: somebody stood there.
    shown = [
        stage for stage in steps if not stage.is_archived or stage.status_id in stays or standing.now[stage.status_id]
    ]
    figures, now = _stage_figures(shown, places, standing, stays), standing.now
    return Funnel(pipeline_id, pipeline.name, figures, now[WON_STATUS_ID], now[LOST_STATUS_ID])


@dataclass(frozen=True, slots=True)
class _Standing:
    """`furthest`: how many leads have come to each place and no further; `now`: how many stand in each stage."""

    furthest: Counter[int]
    now: Counter[int]


def _standing(span: Span, pipeline_id: int, places: Mapping[int, int]) -> _Standing:
    furthest: Counter[int] = Counter()
    now: Counter[int] = Counter()
    lines = span.path_lines().filter(pipeline_id=pipeline_id)
    for stood, now_status_id, leads in lines.values_list("stood", "now_status_id").annotate(n=Sum("leads")):
        stages = [_place(int(status_id), places) for status_id in stood.split(",")]
        furthest[max((place for place in stages if place is not None), default=NOWHERE)] += leads
        if now_status_id is not None:
            now[now_status_id] += leads
    return _Standing(furthest, now)


def _place(status_id: int, places: Mapping[int, int]) -> int | None:
    """Won is the place after the last stage; lost is none."""
    return len(places) if status_id == WON_STATUS_ID else places.get(status_id)


def _medians(span: Span, pipeline_id: int) -> dict[int, int]:
    """The middle of the stays in each stage that have ended, in whole seconds; the mean of the two of an even number.

    To within one percent where a day has more of them than `EXACT_STAYS`.
    """
    lines = span.stay_lines().filter(pipeline_id=pipeline_id)
    stays: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for status_id, seconds, number in lines.values_list("status_id", "seconds").annotate(n=Sum("stays")):
        stays[status_id].append((seconds, number))
    medians = {status_id: _median(sorted(lengths)) for status_id, lengths in stays.items()}
    return {status_id: median for status_id, median in medians.items() if median is not None}


def _median(lengths: Sequence[tuple[int, int]]) -> int | None:
    """Of (length, how many of it) in their order."""
    counts = list(accumulate(number for _seconds, number in lengths))
    total = counts[-1]
    if total <= 0:
        return None
    low, high = (lengths[bisect_right(counts, place)][0] for place in ((total - 1) // 2, total // 2))
    return (low + high + 1) // 2  # half-up, where `round` takes the even one


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
