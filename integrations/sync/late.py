"""Hooks that come after a sync has found what they tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from integrations.amocrm.payloads import DealNews
from integrations.drain.deliveries import Delivery
from integrations.models import SyncGap
from integrations.sync.ledger import as_told
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
    """Mark the gaps that these deliveries tell of, with when they were received. A SELECT for the deals told of, and
    one for the contacts, when there are none."""
    untold = SyncGap.objects.filter(user_account=account, told_at__isnull=True).order_by()
    marked = [*_of_deals(untold, deliveries), *_of_contacts(untold, deliveries)]
    if marked:
        SyncGap.objects.bulk_update(marked, ["told_at"])


def _of_deals(untold: QuerySet[SyncGap], deliveries: Sequence[Delivery]) -> Iterator[SyncGap]:
    told: dict[int, list[tuple[DealNews, Delivery]]] = defaultdict(list)
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            told[news.snapshot.deal_id].append((news, delivery))
    gaps = untold.filter(amocrm_lead_id__among=told).exclude(what=SyncGap.What.MERGED)
    for gap in gaps if told else ():
        if _mark(gap, [delivery for news, delivery in told[gap.amocrm_lead_id] if _tells(gap, news)]):
            yield gap


def _of_contacts(untold: QuerySet[SyncGap], deliveries: Sequence[Delivery]) -> Iterator[SyncGap]:
    """A contact's gap stands under its deals, and says when and into what it changed."""
    told: dict[tuple[datetime, str], list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        for contact in (news.snapshot for news in delivery.parsed.contacts):
            if contact.updated_at is not None:
                told[contact.updated_at, as_told(contact)].append(delivery)
    gaps = untold.filter(what=SyncGap.What.CONTACT, changed_at__in={at for at, _text in told})
    for gap in gaps if told else ():
        if _mark(gap, told.get((gap.changed_at, gap.after), ())):
            yield gap


def _mark(gap: SyncGap, told_by: Iterable[Delivery]) -> bool:
    # A delivery that is replayed was there before.
    received = [delivery.log.received_at for delivery in told_by]
    gap.told_at = min((moment for moment in received if moment >= gap.learnt_at - _UNSEEN), default=None)
    return gap.told_at is not None


def _tells(gap: SyncGap, news: DealNews) -> bool:
    actions = _ACTIONS.get(SyncGap.What(gap.what))
    if actions is not None:
        return news.action in actions
    told = news.snapshot
    if told.updated_at is None or told.updated_at != gap.changed_at:
        return False
    return gap.what != SyncGap.What.STAGE or gap.after == f"{told.pipeline_id}/{told.status_id}"
