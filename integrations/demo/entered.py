"""What stands in the account before any deal does: stages, ads and referrers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from analytics.models import Referrer
from integrations.demo.ads import Ad
from integrations.demo.clinic import CLOSED, DIRECTIONS, PIPELINES, REFERRERS
from leads.models import Creative, Direction, PipelineStage, UserAccount

SORT_OF_CLOSED = 10_000


def stages_make(account: UserAccount) -> None:
    """Pipelines and stages as amoCRM would list them, those marked that make a lead qualified."""
    PipelineStage.objects.bulk_create(
        PipelineStage(
            user_account=account,
            pipeline_id=pipeline.pipeline_id,
            pipeline_name=pipeline.name,
            pipeline_sort=sort,
            status_id=stage.status_id,
            status_name=stage.name,
            status_color=stage.color,
            sort_order=10 * place + (SORT_OF_CLOSED if stage in CLOSED else 0),
            is_qualified_stage=stage.is_qualified,
        )
        for sort, pipeline in enumerate(PIPELINES, start=1)
        for place, stage in enumerate((*pipeline.stages, *CLOSED), start=1)
    )


def creatives_make(account: UserAccount, ads: Sequence[Ad]) -> dict[str, Creative]:
    """By external ad id."""
    made = Direction.objects.bulk_create(Direction(user_account=account, name=one.name) for one in DIRECTIONS)
    directions = {direction.name: direction for direction in made}
    creatives = Creative.objects.bulk_create(
        Creative(
            user_account=account,
            direction=directions[ad.direction.name],
            name=ad.name,
            external_ad_id=ad.external_ad_id,
        )
        for ad in ads
    )
    return {creative.external_ad_id: creative for creative in creatives}


def referrers_make(account: UserAccount) -> None:
    for code, name, rate, _weight in REFERRERS:
        own_rate = None if rate is None else Decimal(rate)
        Referrer.objects.create(user_account=account, code=code, name=name, commission_rate=own_rate)
