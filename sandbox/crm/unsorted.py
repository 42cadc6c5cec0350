"""Applications that wait in "Неразобранное" (unsorted) until somebody accepts or declines them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from .deals import Deals
from .ground import Ground
from .models import Deal


class Unsorted:
    """The unsorted applications of one account: deals in a pipeline's unsorted stage."""

    def __init__(self, account: Ground, deals: Deals) -> None:
        self._account = account
        self._deals = deals

    def add(
        self,
        name: str,
        *,
        phone: str | None = None,
        utm: Mapping[str, str] | None = None,
        pipeline_id: int | None = None,
        silent: bool = False,
    ) -> Deal:
        """An application from a site's form: the deal is told of by `add_unsorted`, not by `add_lead`."""
        account = self._account
        with account.lock:
            stage_id = self.stage(pipeline_id)
            deal = self._deals.create(
                name, pipeline_id=pipeline_id, status_id=stage_id, phone=phone, utm=utm, silent=True
            )
            if not account.silences(silent):
                account.tell("unsorted", "add", deal)
            return deal

    def accept(self, deal_id: int, status_id: int | None = None, *, silent: bool = False) -> Deal:
        """Take an application into the pipeline (default: its first stage). ValueError when it is not unsorted."""
        account = self._account
        with account.lock:
            deal = self._waiting(deal_id)
            stage_id = status_id or account.pipelines.first_stage(deal.pipeline_id).id
            silent = account.silences(silent)
            if not silent:
                account.tell("unsorted", "delete", deal, accepted=1)
            return self._deals.move(deal_id, stage_id, deal.pipeline_id, silent=silent)

    def decline(self, deal_id: int, *, silent: bool = False) -> Deal:
        """Throw an application away. ValueError when it is not unsorted."""
        account = self._account
        with account.lock:
            deal = self._waiting(deal_id)
            if not account.silences(silent):
                account.tell("unsorted", "delete", deal, accepted=0)
            return self._deals.delete(deal_id, silent=True)

    def stage(self, pipeline_id: int | None = None) -> int:
        """The unsorted stage of a pipeline (default: the main one); ValueError when there is no such pipeline."""
        pipelines = self._account.pipelines
        pipeline = pipelines.main if pipeline_id is None else pipelines.by_id.get(pipeline_id)
        if pipeline is None:
            raise ValueError(f"no pipeline {pipeline_id}")
        return next(stage.id for stage in pipeline.stages if stage.type == 1)

    def _waiting(self, deal_id: int) -> Deal:
        deal = self._deals[deal_id]
        if deal.status_id != self.stage(deal.pipeline_id):
            raise ValueError(f"deal {deal_id} is not unsorted")
        return deal


def uid_of(deal: Deal) -> str:
    """The application's uid, which its hooks share."""
    return hashlib.sha256(f"unsorted {deal.id}".encode()).hexdigest()
