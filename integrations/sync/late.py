"""Hooks that come after a sync has found what they tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from integrations.amocrm.payloads import DealNews
from integrations.drain.deliveries import Delivery
from integrations.models import SyncGap
from leads.models import UserAccount
from leads.news import DealAction

# Received so shortly before: it was being committed while the sync looked, or the sync's clock is ahead of ours.
_UNSEEN = timedelta(minutes=1)
_ACTIONS = {
    SyncGap.What.CREATED: {DealAction.ADDED},
    SyncGap.What.DELETED: {DealAction.DELETED},
    SyncGap.What.RESTORED: {DealAction.RESTORED},
}


def note_late(account: UserAccount, deliveries: Sequence[Delivery]) -> None:
    """Mark the gaps that these deliveries tell of, with when they were received. One SELECT when there are none."""
    told: dict[int, list[tuple[DealNews, Delivery]]] = defaultdict(list)
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            told[news.snapshot.deal_id].append((news, delivery))
    gaps = SyncGap.objects.filter(user_account=account, amocrm_lead_id__among=told, told_at__isnull=True).order_by()
    marked = []
    for gap in gaps.exclude(what=SyncGap.What.MERGED) if told else ():
        received = [delivery.log.received_at for news, delivery in told[gap.amocrm_lead_id] if _tells(gap, news)]
        # A delivery that is replayed was there before.
        after = [moment for moment in received if moment >= gap.learnt_at - _UNSEEN]
        if after:
            gap.told_at = min(after)
            marked.append(gap)
    _save(marked)


def _tells(gap: SyncGap, news: DealNews) -> bool:
    actions = _ACTIONS.get(SyncGap.What(gap.what))
    if actions is not None:
        return news.action in actions
    told = news.snapshot
    if told.updated_at is None or told.updated_at != gap.changed_at:
        return False
    return gap.what != SyncGap.What.STAGE or gap.after == f"{told.pipeline_id}/{told.status_id}"


def _save(gaps: Iterable[SyncGap]) -> None:
    rows = list(gaps)
    if rows:
        SyncGap.objects.bulk_update(rows, ["told_at"])
