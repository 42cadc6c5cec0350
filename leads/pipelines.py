"""An account's pipelines as lists show them: each with its stages, and with how many leads stand where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from leads.models import Lead, PipelineStage
from leads.qualification import Stage


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`stages`: in their order, archived ones, too."""

    pipeline_id: int
    name: str
    stages: list[PipelineStage]

    @property
    def title(self) -> str:
        """For people: its number where amoCRM has told no name."""
        return self.name or str(self.pipeline_id)


def pipelines_in(stages: Iterable[PipelineStage]) -> list[Pipeline]:
    """The pipelines of an account's stages, in amoCRM's order."""
    rows: dict[int, list[PipelineStage]] = defaultdict(list)
    for stage in stages:
        rows[stage.pipeline_id].append(stage)
    # Archived stages keep the name and the place that their pipeline had when amoCRM reported them last.
    newest = {key: next((stage for stage in own if not stage.is_archived), own[0]) for key, own in rows.items()}
    return [
        Pipeline(key, newest[key].pipeline_name, sorted(rows[key], key=lambda one: (one.sort_order, one.status_id)))
        for key in sorted(rows, key=lambda key: (newest[key].pipeline_sort, key))
    ]


def leads_standing(leads: QuerySet[Lead]) -> dict[Stage, int]:
    """How many of the leads stand in each stage now, by one statement; deleted ones do not."""
    standing = leads.filter(is_deleted=False, current_status_id__isnull=False).order_by()
    counted = standing.values_list("current_pipeline_id", "current_status_id").annotate(n=Count("pk"))
    return {(pipeline_id or 0, status_id or 0): n for pipeline_id, status_id, n in counted}
