"""Stages by name and colour, for rows that know them by number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models import PipelineStage, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pipelines import pipelines_in

# Colours come from amoCRM. Only what is one is drawn.
_COLOUR = re.compile(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?")

SYSTEM_NAMES = {WON_STATUS_ID: _("Won"), LOST_STATUS_ID: _("Lost")}


@dataclass(frozen=True, slots=True)
class StageName:
    """`colour`: #rgb or #rrggbb, empty when unknown."""

    name: str | Promise
    pipeline: str
    colour: str = ""
    is_won: bool = False


def colour_of(text: str) -> str:
    return text if _COLOUR.fullmatch(text) else ""


class StageBook:
    """An account's stages: (pipeline id, status id) → name. A stage not read yet goes by its number."""

    def __init__(self, stages: Iterable[PipelineStage]) -> None:
        self._pipelines = pipelines_in(stages)
        self._names = {
            (stage.pipeline_id, stage.status_id): _name(stage, pipeline.title)
            for pipeline in self._pipelines
            for stage in pipeline.stages
        }

    @classmethod
    def of(cls, account: UserAccount) -> Self:
        return cls(PipelineStage.objects.filter(user_account=account))

    def find(self, pipeline_id: int | None, status_id: int | None) -> StageName | None:
        """None for a lead without a deal."""
        if status_id is None:
            return None
        known = self._names.get((pipeline_id or 0, status_id))
        return known or StageName(
            name=SYSTEM_NAMES.get(status_id) or _("Stage %(id)s") % {"id": status_id},
            pipeline=str(pipeline_id or ""),
            is_won=status_id == WON_STATUS_ID,
        )

    def pipeline(self, pipeline_id: int | None) -> str:
        """Empty for none; its number where amoCRM never told its name."""
        titles = (pipeline.title for pipeline in self._pipelines if pipeline.pipeline_id == pipeline_id)
        return next(titles, str(pipeline_id or ""))

    def choices(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """For a select: stages grouped by pipeline; values are `<pipeline id>:<status id>`."""
        return [
            (
                pipeline.title,
                [
                    (f"{stage.pipeline_id}:{stage.status_id}", stage.status_name or str(stage.status_id))
                    for stage in pipeline.stages
                ],
            )
            for pipeline in self._pipelines
        ]


def _name(stage: PipelineStage, pipeline: str) -> StageName:
    return StageName(
        name=stage.status_name or str(SYSTEM_NAMES.get(stage.status_id, stage.status_id)),
        pipeline=pipeline,
        colour=colour_of(stage.status_color),
        is_won=stage.status_id == WON_STATUS_ID,
    )
