"""From deliveries and readings to leads: one transaction, from what is handed to the core to what is written back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from django.db import transaction

from analytics.models import Sale, SaleStatus
from integrations.drain.deliveries import Delivery
from integrations.drain.lacking import contacts_told
from integrations.drain.lagging import deals_not_shown
from integrations.drain.outcomes import note_readings, write_outcomes
from integrations.drain.reading import Readings
from integrations.lease import Lease
from integrations.notify.outbox import enqueue_for
from integrations.settling import apply_and_settle
from integrations.sync.late import note_late
from integrations.sync.schedule import hasten
from leads.deals.apply import lock_account
from leads.deals.changes import LeadChange
from leads.models import UserAccount
from leads.news import DealAction, DealSnapshot, Evidence

logger = structlog.get_logger(__name__)


def apply_batch(
    account: UserAccount,
    deliveries: Sequence[Delivery],
    readings: Readings,
    lease: Lease,
    now: datetime,
    *,
    is_part: bool = False,
) -> None:
    """Apply the deliveries and write their outcomes, all in one transaction under the lease.

    :param is_part: there is more in the delivery than is handed over here: it is not done yet, and waits on.
    """
    applicable = [delivery for delivery in deliveries if delivery.is_applicable]
    changes: list[LeadChange] = []
    with transaction.atomic():
        lock_account(account)
        lease.hold()
        if applicable:
            changes = apply_and_settle(
                account,
                deals=[*_told(applicable, readings, now), *_read(applicable, readings)],
                contacts=[*contacts_told(applicable), *readings.contacts.values()],
                told_by=_hooks_of(applicable),
                is_sync=False,
                now=now,
            )
            note_late(account, applicable)
            _announce_overtaken(account, applicable, now)
        for delivery in applicable:
            note_readings(delivery, readings)
        if _needs_sync(account, applicable, readings):
            hasten(account, now)
        if not is_part:
            write_outcomes(account, deliveries, {change.deal_id: change.after for change in changes}, now)
    logger.info("deliveries_applied", account=str(account.pk), deliveries=[delivery.log.pk for delivery in deliveries])


def _announce_overtaken(account: UserAccount, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Send the messages of sales that a sync found first, though a hook that waited for its turn had already told of
    the win, or at least that something had happened."""
    told = {
        news.snapshot.deal_id: delivery.log
        for delivery in reversed(deliveries)
        for news in delivery.parsed.deals
        if news.snapshot.is_won or news.snapshot.status_id is None
    }
    if not told:
        return
    met = Sale.objects.filter(
        user_account=account, amocrm_deal_id__among=told, is_met_by_sync=True, status=SaleStatus.PAID
    ).values_list("pk", "amocrm_deal_id", "created_at")
    overtaken = [pk for pk, deal_id, met_at in met if deal_id and told[deal_id].received_at < met_at]
    if overtaken:
        Sale.objects.filter(pk__in=overtaken).update(is_met_by_sync=False)
        told_by = {deal_id: log.pk for deal_id, log in told.items()}
        enqueue_for(account, overtaken, met_by_sync=False, now=now, told_by=told_by)


def _hooks_of(deliveries: Sequence[Delivery]) -> dict[int, frozenset[str]]:
    hooks: dict[int, frozenset[str]] = {}
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            deal_id = news.snapshot.deal_id
            hooks[deal_id] = hooks.get(deal_id, frozenset()) | {delivery.log.source}
    return hooks


def _told(deliveries: Sequence[Delivery], readings: Readings, now: datetime) -> list[DealSnapshot]:
    """What the deliveries say of deals, as snapshots that need no further asking."""
    snapshots: list[DealSnapshot] = []
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            deal_id, is_gone = news.snapshot.deal_id, readings.is_gone(news.snapshot.deal_id)
            if news.snapshot.updated_at is not None:
                snapshots.append(news.snapshot)
            elif is_gone and news.action is not DealAction.DELETED:
                # News without a time that no reading can date: when we received it.
                snapshots.append(replace(news.snapshot, updated_at=delivery.log.received_at.replace(microsecond=0)))
            if is_gone and news.action is DealAction.DELETED:
                # A hook says deleted and the CRM no longer has it: that is the CRM's own word. The stage in such a
                # hook is where the deal stood, not where it went: dated by us, it would come after what is yet to be
                # told, should the deal be restored.
                snapshots.append(DealSnapshot(deal_id, is_deleted=True, read_at=now))
    return snapshots


def _read(deliveries: Sequence[Delivery], readings: Readings) -> list[DealSnapshot]:
    """The readings, each traced to the delivery for whose sake it was made."""
    sake: dict[int, int] = {}
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            sake.setdefault(news.snapshot.deal_id, delivery.log.pk)
        for contact in delivery.parsed.contacts:
            for deal_id in (*contact.snapshot.deal_ids, *readings.of_contact.get(contact.snapshot.contact_id, ())):
                sake.setdefault(deal_id, delivery.log.pk)
    return [
        replace(deal, evidence=Evidence(delivery_id=sake[deal.deal_id], action="read"))
        for deal in readings.deals.values()
        if deal.deal_id in sake
    ]


def _needs_sync(account: UserAccount, deliveries: Sequence[Delivery], readings: Readings) -> bool:
    """Whether something is left that only a sync can find: when a deal was in a stage that it has left since, what was
    too much to read or not yet shown, whether a gone deal's sale goes too or moves to the deal it was merged into."""
    if readings.is_cut or readings.left or _has_stage_left(deliveries, readings):
        return True
    if any(deals_not_shown(delivery, readings) for delivery in deliveries):
        return True
    gone = readings.asked - readings.deals.keys()
    return bool(gone) and Sale.objects.filter(user_account=account, amocrm_deal_id__in=gone).exists()


def _has_stage_left(deliveries: Sequence[Delivery], readings: Readings) -> bool:
    """Whether a stage was told without a time, as the Digital Pipeline does, that its deal had left when read."""
    snapshots = (news.snapshot for delivery in deliveries for news in delivery.parsed.deals)
    timeless = (one for one in snapshots if one.updated_at is None and one.status_id is not None)
    return any(
        one.status_id != read.status_id for one in timeless if (read := readings.deals.get(one.deal_id)) is not None
    )
