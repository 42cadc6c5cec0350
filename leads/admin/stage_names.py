"""Stages by their names and colours, for lists whose rows know only ids."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from leads.admin.looks import EMPTY, swatch
from leads.models import PipelineStage


class StageNames:
    """The stages of some accounts, read at once."""

    def __init__(self, account_ids: Iterable[uuid.UUID]) -> None:
        stages = PipelineStage.objects.filter(user_account__in=set(account_ids))
        self._stages = {(s.user_account_id, s.pipeline_id, s.status_id): s for s in stages}

    def show(self, account_id: uuid.UUID, pipeline_id: int | None, status_id: int | None) -> SafeString:
        """The stage behind its colour; its id where amoCRM never told its name."""
        if status_id is None:
            return SafeString(EMPTY)
        stage = self._stages.get((account_id, pipeline_id or 0, status_id))
        return swatch(stage.status_color, stage.status_name or status_id) if stage else swatch("", f"#{status_id}")

    def pipeline(self, account_id: uuid.UUID, pipeline_id: int | None) -> str:
        for (of_account, of_pipeline, _status), stage in self._stages.items():
            if of_account == account_id and of_pipeline == pipeline_id:
                return stage.pipeline_name
        return f"#{pipeline_id}" if pipeline_id else ""


class NamesStages:
    """For an admin whose rows stand in stages: a page's are read at once, and `stages_of` a row tells them."""

    def prepare_page(self, request: HttpRequest, rows: list[Any]) -> None:
        names = StageNames(row.user_account_id for row in rows)
        for row in rows:
            row.stage_names = names


def stages_of(row: Any) -> StageNames:
    return getattr(row, "stage_names", None) or StageNames([row.user_account_id])
