"""Hooks that come after a sync has found what they tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from integrations.drain.deliveries import Delivery
from integrations.models import SyncGap
from integrations.sync.hearing import Hearing, tells
from integrations.sync.ledger import as_told
from leads.models import UserAccount

# Received so shortly before: it was being committed while the sync looked, or the sync's clock is ahead of ours.
_UNSEEN = timedelta(minutes=1)


def note_late(account: UserAccount, deliveries: Sequence[Delivery]) -> None:
    """Mark the gaps that these deliveries tell of, with when they were received. A SELECT for the deals told of, and
    one for the contacts, when there are none."""
    untold = SyncGap.objects.filter(user_account=account, told_at__isnull=True).order_by()
    marked = [*_of_deals(untold, deliveries), *_of_contacts(untold, deliveries)]
    if marked:
        SyncGap.objects.bulk_update(marked, ["told_at"])


def _of_deals(untold: QuerySet[SyncGap], deliveries: Sequence[Delivery]) -> Iterator[SyncGap]:
    told: dict[int, list[Hearing]] = defaultdict(list)
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            told[news.snapshot.deal_id].append(Hearing.of(news.snapshot, news.action, delivery.log.received_at))
    gaps = untold.filter(amocrm_lead_id__among=told).exclude(what=SyncGap.What.MERGED)
    for gap in gaps if told else ():
        if _mark(gap, [one.received_at for one in told[gap.amocrm_lead_id] if tells(gap, one)]):
            yield gap


def _of_contacts(untold: QuerySet[SyncGap], deliveries: Sequence[Delivery]) -> Iterator[SyncGap]:
    """A contact's gap stands under its deals, and says when and into what it changed."""
    told: dict[tuple[datetime, str], list[datetime]] = defaultdict(list)
    for delivery in deliveries:
        for contact in (news.snapshot for news in delivery.parsed.contacts):
            if contact.updated_at is not None:
                told[contact.updated_at, as_told(contact)].append(delivery.log.received_at)
    gaps = untold.filter(what=SyncGap.What.CONTACT, changed_at__in={at for at, _text in told})
    for gap in gaps if told else ():
        if _mark(gap, told.get((gap.changed_at, gap.after), ())):
            yield gap


def _mark(gap: SyncGap, received: Iterable[datetime]) -> bool:
    # A delivery that is replayed was there before.
    gap.told_at = min((moment for moment in received if moment >= gap.learnt_at - _UNSEEN), default=None)
    return gap.told_at is not None
