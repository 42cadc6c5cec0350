"""The account's pipelines and stages, as amoCRM lists them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from django.db import transaction

from integrations.amocrm.client import AmoCRMClient, Pipelines
from integrations.amocrm.entities import PipelineFacts, StageFacts
from integrations.amocrm.errors import AmoCRMError
from integrations.connecting.facts import take_facts
from integrations.models import AmoCRMConnection
from leads.deals.apply import lock_account
from leads.models import PipelineStage, UserAccount
from leads.news import DealSnapshot


@dataclass(frozen=True, slots=True)
class PipelinesCount:
    """What amoCRM listed, system stages too."""

    pipelines: int
    stages: int


def pipelines_sync(connection: AmoCRMConnection) -> PipelinesCount:
    """Read the pipelines and keep them: new stages come, renamed ones change, those gone are archived. The account's
    own facts, such as its currency, are read along.

    What a person has set (`is_qualified_stage`) stays. An answer that comes once somebody has connected anew is not
    kept: it may be another amoCRM account's. Raises AmoCRMError.
    """
    client = AmoCRMClient(connection)
    facts, answer = client.account(), client.pipelines()
    account = connection.user_account
    stages = [_row(account, pipeline, stage) for pipeline in answer.pipelines for stage in pipeline.statuses]
    with transaction.atomic():
        lock_account(account)
        if connection.unless_reconnected().select_for_update(no_key=True).first() is None:
            return PipelinesCount(0, 0)
        take_facts(connection, facts)
        PipelineStage.objects.bulk_create(
            stages,
            update_conflicts=True,
            unique_fields=["user_account", "pipeline_id", "status_id"],
            update_fields=[
                "pipeline_name",
                "pipeline_sort",
                "status_name",
                "status_color",
                "sort_order",
                "is_archived",
            ],
        )
        _archive_the_unreported(account, answer)
    return PipelinesCount(len(answer.pipelines), len(stages))


def meet_pipelines(connection: AmoCRMConnection, deals: Iterable[DealSnapshot]) -> None:
    """Read the pipelines where one of the deals was won in one that we have not met: amoCRM tells of no new pipeline,
    and a sale and its message name it. Where they cannot be read, money does not wait for the name."""
    sold_in = {deal.pipeline_id for deal in deals if deal.is_won and deal.pipeline_id is not None}
    met = PipelineStage.objects.filter(user_account=connection.user_account, pipeline_id__in=sold_in)
    if sold_in.difference(met.values_list("pipeline_id", flat=True)):
        with suppress(AmoCRMError):
            pipelines_sync(connection)


def _row(account: UserAccount, pipeline: PipelineFacts, stage: StageFacts) -> PipelineStage:
    return PipelineStage(
        user_account=account,
        pipeline_id=pipeline.pipeline_id,
        pipeline_name=pipeline.name[:300],
        pipeline_sort=pipeline.sort,
        status_id=stage.status_id,
        status_name=stage.name[:300],
        status_color=stage.color[:20],
        sort_order=stage.sort,
        is_archived=pipeline.is_archive,
    )


def _archive_the_unreported(account: UserAccount, answer: Pipelines) -> None:
    listed = {(pipeline.pipeline_id, stage.status_id) for pipeline in answer.pipelines for stage in pipeline.statuses}
    known = PipelineStage.objects.filter(user_account=account, is_archived=False)
    if not answer.is_complete:
        # amoCRM announces more pipelines than it lists: one that is not listed need not be gone.
        known = known.filter(pipeline_id__in=[pipeline.pipeline_id for pipeline in answer.pipelines])
    gone = [
        pk
        for pk, pipeline_id, status_id in known.values_list("pk", "pipeline_id", "status_id")
        if (pipeline_id, status_id) not in listed
    ]
    PipelineStage.objects.filter(pk__in=gone).update(is_archived=True)
