"""Stages by name and colour, for rows that know them by number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models import PipelineStage, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID

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
    is_lost: bool = False


def colour_of(text: str) -> str:
    return text if _COLOUR.fullmatch(text) else ""


class StageBook:
    """An account's stages, read once: (pipeline id, status id) → name. A stage not read yet goes by its number."""

    def __init__(self, account: UserAccount) -> None:
        self.stages = list(PipelineStage.objects.filter(user_account=account))
        self._names = {(stage.pipeline_id, stage.status_id): _name(stage) for stage in self.stages}

    def find(self, pipeline_id: int | None, status_id: int | None) -> StageName | None:
        """None for a lead without a deal."""
        if status_id is None:
            return None
        known = self._names.get((pipeline_id or 0, status_id))
        return known or StageName(
            name=SYSTEM_NAMES.get(status_id) or _("Stage %(id)s") % {"id": status_id},
            pipeline=str(pipeline_id or ""),
            is_won=status_id == WON_STATUS_ID,
            is_lost=status_id == LOST_STATUS_ID,
        )

    def choices(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """For a select: stages grouped by pipeline; values are `<pipeline id>:<status id>`."""
        groups: dict[int, tuple[str, list[tuple[str, str]]]] = {}
        for stage in self.stages:
            name = stage.pipeline_name or str(stage.pipeline_id)
            _label, options = groups.setdefault(stage.pipeline_id, (name, []))
            options.append((f"{stage.pipeline_id}:{stage.status_id}", stage.status_name or str(stage.status_id)))
        return list(groups.values())


def _name(stage: PipelineStage) -> StageName:
    return StageName(
        name=stage.status_name or str(SYSTEM_NAMES.get(stage.status_id, stage.status_id)),
        pipeline=stage.pipeline_name or str(stage.pipeline_id),
        colour=colour_of(stage.status_color),
        is_won=stage.status_id == WON_STATUS_ID,
        is_lost=stage.status_id == LOST_STATUS_ID,
    )


def pipelines_of(stages: Iterable[PipelineStage]) -> dict[int, list[PipelineStage]]:
    """Stages in their order, by pipeline."""
    pipelines: dict[int, list[PipelineStage]] = {}
    for stage in stages:
        pipelines.setdefault(stage.pipeline_id, []).append(stage)
    return pipelines
