"""Stage news and history in the database: a fixed number of statements for a batch of deals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from django.db.models import Q

from leads.bulk import update_rows
from leads.deals.history import Step, Telling, steps_of
from leads.models import Lead, LeadStatusHistory, PipelineStage, StageNews, UserAccount
from leads.news import DealSnapshot, Evidence


def evidence_as_json(evidence: Evidence) -> dict[str, Any]:
    values = {
        "delivery_id": evidence.delivery_id,
        "sync_run_id": evidence.sync_run_id,
        "event_id": evidence.event_id,
        "action": evidence.action,
    }
    return {key: value for key, value in values.items() if value}


def remember_stages(account: UserAccount, snapshots: Iterable[DealSnapshot], rows: Mapping[int, Lead]) -> None:
    """Store every stage told of. A stage that was read confirms one that was told."""
    told: dict[tuple[Any, ...], StageNews] = {}
    lone = _PipelineOfStage(account)
    for snapshot in snapshots:
        if snapshot.status_id is None or snapshot.updated_at is None or snapshot.deal_id not in rows:
            continue
        pipeline_id = snapshot.pipeline_id or lone.find(snapshot.status_id, rows[snapshot.deal_id])
        if pipeline_id is None:
            continue
        news = StageNews(
            user_account_id=account.pk,
            amocrm_lead_id=snapshot.deal_id,
            pipeline_id=pipeline_id,
            status_id=snapshot.status_id,
            at=snapshot.updated_at,
            read_at=snapshot.read_at,
            evidence=evidence_as_json(snapshot.evidence),
        )
        key = (snapshot.deal_id, snapshot.updated_at, pipeline_id, snapshot.status_id)
        known = told.get(key)
        if known is None or (news.read_at and not known.read_at):
            told[key] = news
    unique = ["user_account", "amocrm_lead_id", "at", "pipeline_id", "status_id"]
    heard = [news for news in told.values() if news.read_at is None]
    read = [news for news in told.values() if news.read_at is not None]
    if heard:
        StageNews.objects.bulk_create(heard, ignore_conflicts=True)
    if read:
        StageNews.objects.bulk_create(read, update_conflicts=True, unique_fields=unique, update_fields=["read_at"])


class _PipelineOfStage:
    """The pipeline of a stage told without one: a stage has its own id in one pipeline, 142 and 143 in all."""

    def __init__(self, account: UserAccount) -> None:
        self._account = account
        self._known: dict[int, int | None] = {}

    def find(self, status_id: int, lead: Lead) -> int | None:
        if status_id not in self._known:
            pipelines = PipelineStage.objects.filter(user_account=self._account, status_id=status_id)
            ids = list(pipelines.values_list("pipeline_id", flat=True)[:2])
            self._known[status_id] = ids[0] if len(ids) == 1 else None
        return self._known[status_id] or lead.current_pipeline_id


def steps_told(account: UserAccount, deal_ids: Collection[int]) -> dict[int, list[Step]]:
    """The stages that each of these deals went through, by all that was told of it."""
    tellings: dict[int, list[Telling]] = defaultdict(list)
    news = StageNews.objects.filter(user_account=account, amocrm_lead_id__in=list(deal_ids)).values_list(
        "amocrm_lead_id", "at", "pipeline_id", "status_id", "read_at", "evidence"
    )
    for deal_id, *told in news.iterator(chunk_size=2000):
        tellings[deal_id].append(Telling(*told))
    return {deal_id: steps_of(tellings[deal_id]) for deal_id in deal_ids}


def write_history(account: UserAccount, rows: Mapping[int, Lead], wanted: Mapping[int, Sequence[Step]]) -> None:
    """Make the stored history of these deals what their steps are.

    :param rows: amoCRM deal id → the saved lead in which the deal stands.
    """
    stored: dict[int, dict[tuple[Any, ...], LeadStatusHistory]] = defaultdict(dict)
    known = LeadStatusHistory.objects.filter(user_account=account, amocrm_lead_id__in=list(rows)).defer("webhook_data")
    for change in known:
        stored[change.amocrm_lead_id][(change.changed_at, change.to_pipeline_id, change.to_status_id)] = change

    fresh: list[LeadStatusHistory] = []
    mended: list[LeadStatusHistory] = []
    gone: list[int] = []
    for deal_id, lead in rows.items():
        for tie, step in _with_ties(wanted[deal_id]):
            if step.key not in stored[deal_id]:
                fresh.append(_as_row(account, lead, deal_id, step, tie))
            elif _mend(change := stored[deal_id].pop(step.key), lead, step, tie):
                mended.append(change)
        gone.extend(change.pk for change in stored[deal_id].values())
    _write(fresh, mended, gone)


def _with_ties(steps: Sequence[Step]) -> Iterator[tuple[int, Step]]:
    """Each step with its place among those of the same second."""
    for _second, same in groupby(steps, key=lambda step: step.changed_at):
        yield from enumerate(same)


def _as_row(account: UserAccount, lead: Lead, deal_id: int, step: Step, tie: int) -> LeadStatusHistory:
    from_pipeline_id, from_status_id = step.came_from or (None, None)
    return LeadStatusHistory(
        user_account_id=account.pk,
        lead_id=lead.pk,
        amocrm_lead_id=deal_id,
        from_pipeline_id=from_pipeline_id,
        from_status_id=from_status_id,
        to_pipeline_id=step.pipeline_id,
        to_status_id=step.status_id,
        changed_at=step.changed_at,
        tie=tie,
        webhook_data=step.evidence,
    )


def _mend(change: LeadStatusHistory, lead: Lead, step: Step, tie: int) -> bool:
    came_from = step.came_from or (None, None)
    if (change.from_pipeline_id, change.from_status_id, change.lead_id, change.tie) == (*came_from, lead.pk, tie):
        return False
    change.from_pipeline_id, change.from_status_id = came_from
    change.lead_id, change.tie = lead.pk, tie
    return True


def _write(fresh: list[LeadStatusHistory], mended: list[LeadStatusHistory], gone: Collection[int]) -> None:
    if gone:
        LeadStatusHistory.objects.filter(Q(pk__in=gone)).delete()
    update_rows(mended, ["from_pipeline_id", "from_status_id", "lead_id", "tie"])
    if fresh:
        LeadStatusHistory.objects.bulk_create(fresh)
