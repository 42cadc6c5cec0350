"""Stage news and history in the database: a fixed number of statements for a batch of deals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Q
from django.utils import timezone

from leads.bulk import SKIP, insert_values, update_rows
from leads.deals.history import Step, Telling, steps_of
from leads.models import Lead, LeadStatusHistory, PipelineStage, StageNews, UserAccount
from leads.news import DealSnapshot, Evidence

_TOLD_ONCE = ("user_account_id", "amocrm_lead_id", "at", "pipeline_id", "status_id")


def evidence_as_json(evidence: Evidence) -> dict[str, Any]:
    values = {
        "delivery_id": evidence.delivery_id,
        "sync_run_id": evidence.sync_run_id,
        "event_id": evidence.event_id,
        "action": evidence.action,
    }
    return {key: value for key, value in values.items() if value}


def remember_stages(account: UserAccount, snapshots: Collection[DealSnapshot], rows: Mapping[int, Lead]) -> None:
    """Store every stage told of. A stage that was read confirms one that was told.

    Of a deal without a row as well: it may be in the CRM's bin, and come back.
    """
    heard: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    read: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    lone = _PipelineOfStage(account)
    # 142 and 143 are in every pipeline: of one told without it, the reading knows where the deal went.
    read_in = {(one.deal_id, one.status_id): one.pipeline_id for one in snapshots if one.read_at is not None}
    for snapshot in snapshots:
        if snapshot.status_id is None or snapshot.updated_at is None:
            continue
        pipeline_id = (
            snapshot.pipeline_id
            or read_in.get((snapshot.deal_id, snapshot.status_id))
            or lone.find(snapshot.status_id, rows.get(snapshot.deal_id))
        )
        if pipeline_id is None:
            continue
        key = (account.pk, snapshot.deal_id, snapshot.updated_at, pipeline_id, snapshot.status_id)
        told = heard if snapshot.read_at is None else read
        told.setdefault(key, (*key, snapshot.read_at, evidence_as_json(snapshot.evidence)))
    columns = [*_TOLD_ONCE, "read_at", "evidence"]
    confirmed = f"ON CONFLICT ({', '.join(_TOLD_ONCE)}) DO UPDATE SET read_at = excluded.read_at"
    insert_values(StageNews, columns, list(read.values()), conflict=confirmed)
    insert_values(StageNews, columns, [row for key, row in heard.items() if key not in read], conflict=SKIP)


class _PipelineOfStage:
    """The pipeline of a stage told without one: a stage has its own id in one pipeline, 142 and 143 in all."""

    def __init__(self, account: UserAccount) -> None:
        self._account = account
        self._known: dict[int, int | None] = {}

    def find(self, status_id: int, lead: Lead | None) -> int | None:
        if status_id not in self._known:
            pipelines = PipelineStage.objects.filter(user_account=self._account, status_id=status_id)
            ids = list(pipelines.values_list("pipeline_id", flat=True)[:2])
            self._known[status_id] = ids[0] if len(ids) == 1 else None
        return self._known[status_id] or (lead.current_pipeline_id if lead else None)


def steps_told(account: UserAccount, deal_ids: Collection[int]) -> dict[int, list[Step]]:
    """The stages that each of these deals went through, by all that was told of it."""
    tellings: dict[int, list[Telling]] = defaultdict(list)
    news = StageNews.objects.filter(user_account=account, amocrm_lead_id__among=deal_ids).values_list(
        "amocrm_lead_id", "at", "pipeline_id", "status_id", "read_at", "evidence"
    )
    for deal_id, *told in news:
        tellings[deal_id].append(Telling(*told))
    return {deal_id: steps_of(tellings[deal_id]) for deal_id in deal_ids}


def write_history(account: UserAccount, rows: Mapping[int, Lead], wanted: Mapping[int, Sequence[Step]]) -> None:
    """Make the stored history of these deals what their steps are.

    :param rows: amoCRM deal id → the saved lead in which the deal stands.
    """
    stored: dict[int, dict[tuple[Any, ...], LeadStatusHistory]] = defaultdict(dict)
    known = LeadStatusHistory.objects.filter(user_account=account, amocrm_lead_id__among=rows).order_by()
    for change in known.defer("webhook_data"):
        stored[change.amocrm_lead_id][(change.changed_at, change.to_pipeline_id, change.to_status_id)] = change

    now = timezone.now()
    fresh: list[tuple[Any, ...]] = []
    mended: list[LeadStatusHistory] = []
    gone: list[int] = []
    for deal_id, lead in rows.items():
        for tie, step in _with_ties(wanted[deal_id]):
            if step.key not in stored[deal_id]:
                fresh.append(_as_row(account, lead, deal_id, step, tie, now))
            elif _mend(change := stored[deal_id].pop(step.key), lead, step, tie):
                mended.append(change)
        gone.extend(change.pk for change in stored[deal_id].values())
    _write(fresh, mended, gone)


def _with_ties(steps: Sequence[Step]) -> Iterator[tuple[int, Step]]:
    """Each step with its place among those of the same second."""
    for _second, same in groupby(steps, key=lambda step: step.changed_at):
        yield from enumerate(same)


_HISTORY = (
    *("user_account_id", "lead_id", "amocrm_lead_id", "from_pipeline_id", "from_status_id", "to_pipeline_id"),
    *("to_status_id", "changed_at", "tie", "webhook_data", "learnt_at"),
)


def _as_row(account: UserAccount, lead: Lead, deal_id: int, step: Step, tie: int, now: datetime) -> tuple[Any, ...]:
    """The values of `_HISTORY`."""
    came_from = step.came_from or (None, None)
    return (account.pk, lead.pk, deal_id, *came_from, *step.stage, step.changed_at, tie, step.evidence, now)


def _mend(change: LeadStatusHistory, lead: Lead, step: Step, tie: int) -> bool:
    came_from = step.came_from or (None, None)
    if (change.from_pipeline_id, change.from_status_id, change.lead_id, change.tie) == (*came_from, lead.pk, tie):
        return False
    change.from_pipeline_id, change.from_status_id = came_from
    change.lead_id, change.tie = lead.pk, tie
    return True


def _write(fresh: list[tuple[Any, ...]], mended: list[LeadStatusHistory], gone: Collection[int]) -> None:
    if gone:
        LeadStatusHistory.objects.filter(Q(pk__in=gone)).delete()
    update_rows(mended, ["from_pipeline_id", "from_status_id", "lead_id", "tie"])
    insert_values(LeadStatusHistory, _HISTORY, fresh)
