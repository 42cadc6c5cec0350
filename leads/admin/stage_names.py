"""Stages by their names and colours, for lists whose rows know only ids."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from leads.admin.looks import EMPTY, swatch
from leads.models import PipelineStage
from leads.pages.stage_names import StageBook


class StageNames:
    """The stages of some accounts, read at once."""

    def __init__(self, account_ids: Iterable[uuid.UUID]) -> None:
        stages: dict[uuid.UUID, list[PipelineStage]] = {account_id: [] for account_id in account_ids}
        for stage in PipelineStage.objects.filter(user_account__in=stages.keys()):
            stages[stage.user_account_id].append(stage)
        self._books = {account_id: StageBook(own) for account_id, own in stages.items()}

    def show(self, account_id: uuid.UUID, pipeline_id: int | None, status_id: int | None) -> SafeString:
        """The stage behind its colour."""
        stage = self._books[account_id].find(pipeline_id, status_id)
        return swatch(stage.colour, stage.name) if stage else SafeString(EMPTY)

    def pipeline(self, account_id: uuid.UUID, pipeline_id: int | None) -> str:
        return self._books[account_id].pipeline(pipeline_id)


class NamesStages:
    """For an admin whose rows stand in stages: a page's are read at once, and `stages_of` a row tells them."""

    def prepare_page(self, request: HttpRequest, rows: list[Any]) -> None:
        names = StageNames(row.user_account_id for row in rows)
        for row in rows:
            row.stage_names = names


def stages_of(row: Any) -> StageNames:
    return getattr(row, "stage_names", None) or StageNames([row.user_account_id])
