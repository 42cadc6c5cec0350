"""Pipelines and their stages, each with amoCRM's three system stages."""

from __future__ import annotations

from collections.abc import Sequence

from .clock import Ids
from .models import LOST_STATUS_ID, WON_STATUS_ID, Pipeline, Stage

COLORS = ("#99ccff", "#ffff99", "#ffcc66", "#ffcccc", "#ccccff", "#ccff66", "#ffdbdb", "#d6eaff", "#c1e0ff")


class Pipelines:
    """The pipelines of one account."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self.by_id: dict[int, Pipeline] = {}

    @property
    def main(self) -> Pipeline:
        """Where a deal goes that names no pipeline."""
        return next((pipeline for pipeline in self.by_id.values() if pipeline.is_main), next(iter(self.by_id.values())))

    def add(self, name: str, stages: Sequence[str]) -> Pipeline:
        """A new pipeline with these stages between the unsorted one and won and lost. The first is the main one."""
        pipeline = Pipeline(self._ids.take("pipeline"), name, len(self.by_id) + 1, is_main=not self.by_id)
        unsorted = Stage(self._ids.take("status"), "Неразобранное", 10, "#c1c1c1", type=1, is_editable=False)
        pipeline.stages = [unsorted, *self.system_stages()]
        for stage in stages:
            self.add_stage(pipeline, stage)
        self.by_id[pipeline.id] = pipeline
        return pipeline

    def add_stage(self, pipeline: Pipeline, name: str) -> Stage:
        """A new stage, the last before won and lost."""
        place = len(pipeline.stages) - 2
        color = COLORS[(place - 1) % len(COLORS)]
        stage = Stage(self._ids.take("status"), name, (place + 1) * 10, color)
        pipeline.stages.insert(place, stage)
        return stage

    @staticmethod
    def system_stages() -> list[Stage]:
        """Won and lost: the same ids in every pipeline."""
        return [
            Stage(WON_STATUS_ID, "Успешно реализовано", 10_000, "#CCFF66", is_editable=False),
            Stage(LOST_STATUS_ID, "Закрыто и не реализовано", 11_000, "#D5D8DB", is_editable=False),
        ]

    def first_stage(self, pipeline_id: int) -> Stage:
        """The first stage after the unsorted one."""
        return next(stage for stage in self.by_id[pipeline_id].stages if stage.type == 0)

    def holding(self, status_id: int) -> Pipeline | None:
        """The pipeline that a stage belongs to; None for won and lost, which are in all, and for an unknown one."""
        if status_id in (WON_STATUS_ID, LOST_STATUS_ID):
            return None
        for pipeline in self.by_id.values():
            if any(stage.id == status_id for stage in pipeline.stages):
                return pipeline
        return None

    def has(self, pipeline_id: int, status_id: int) -> bool:
        """Whether the pipeline is there and has that stage."""
        pipeline = self.by_id.get(pipeline_id)
        return pipeline is not None and any(stage.id == status_id for stage in pipeline.stages)
