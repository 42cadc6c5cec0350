"""From deliveries and readings to leads: what is handed to the core, and what is written back to each delivery."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.db import connection as database
from django.db import transaction

from analytics.earning.settle import settle_deals
from analytics.models import Sale, SaleStatus
from analytics.routing import Buyer, Route, buyers_of, route
from integrations.drain.deliveries import Delivery
from integrations.drain.lacking import contacts_told
from integrations.drain.lagging import deals_not_shown
from integrations.drain.reading import Readings
from integrations.lease import Lease
from integrations.models import AmoCRMConnection, Hook, ProcessingStatus, WebhookLog
from integrations.notify.outbox import enqueue_for
from integrations.people.deliveries import take_bodies_of_erased
from integrations.push.tagging import enqueue_tags
from integrations.sync.late import note_late
from integrations.sync.schedule import hasten
from leads.bulk import update_values
from leads.deals.apply import apply_news, lock_account
from leads.deals.changes import DealState, LeadChange
from leads.models import UserAccount
from leads.news import ContactSnapshot, DealAction, DealSnapshot, Evidence, Utm
from leads.told import told

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
        _note_gone(account, applicable, readings, now)
        # amoCRM's events know when a deal stood in a stage; and a sync reads many changed contacts in few requests.
        if _has_stage_left(applicable, readings) or readings.is_cut or readings.left:
            hasten(account, now)
        _note_left(applicable, readings)
        _note_behind(account, applicable, readings, now)
        _note_refused(applicable, readings)
        if not is_part:
            write_outcomes(account, deliveries, {change.deal_id: change.after for change in changes}, now)
    logger.info("deliveries_applied", account=str(account.pk), deliveries=[delivery.log.pk for delivery in deliveries])


def apply_and_settle(
    account: UserAccount,
    *,
    deals: Sequence[DealSnapshot],
    contacts: Sequence[ContactSnapshot],
    told_by: Mapping[int, frozenset[str]],
    is_sync: bool,
    now: datetime,
) -> list[LeadChange]:
    """Leads first, then the money that follows from them, then the message of it. For hooks and syncs alike; inside a
    transaction.

    :param told_by: deal id → the hooks that told of it; empty for a sync.
    :param is_sync: nobody told: sales that are met here for the first time are no news to anybody.
    """
    changes = apply_news(account, deals=deals, contacts=contacts, now=now)
    deliveries = _deliveries_of(deals)
    connected = AmoCRMConnection.objects.filter(user_account=account).values_list("currency", flat=True).first()
    settled = settle_deals(account, changes, told_by=told_by, currency=connected or "", is_sync=is_sync, now=now)
    first_paid = [sale.pk for sale in settled.first_paid]
    enqueue_for(account, first_paid, met_by_sync=is_sync, now=now, told_by=deliveries)
    enqueue_tags(account, changes)
    transaction.on_commit(partial(_log_settled, account, (*settled.first_paid, *settled.changed), deliveries))
    return changes


def _announce_overtaken(account: UserAccount, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Have the message sent of wins that a hook had told of before a sync met them, while it waited for its turn; or
    had told only that something happened."""
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


def _log_settled(account: UserAccount, sales: Sequence[Sale], deliveries: Mapping[int, int]) -> None:
    """A line for each sale that a delivery told of, on that delivery's way; one for all that were only read."""
    log = logger.bind(account=str(account.pk))
    read: list[int] = []
    for sale in sales:
        delivery = deliveries.get(sale.amocrm_deal_id or 0)
        if delivery is None:
            read.append(sale.pk)
        else:
            log.info("sale_settled", sale=sale.pk, deal=sale.amocrm_deal_id, status=sale.status, delivery=delivery)
    if read:
        log.info("sales_settled", sales=read)


def _deliveries_of(deals: Sequence[DealSnapshot]) -> dict[int, int]:
    """Deal id → the delivery that told of it; of several, one that told of the win."""
    told_first = sorted(deals, key=lambda deal: (deal.is_won, deal.read_at is None))
    return {deal.deal_id: deal.evidence.delivery_id for deal in told_first if deal.evidence.delivery_id is not None}


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


def _note_gone(account: UserAccount, deliveries: Sequence[Delivery], readings: Readings, now: datetime) -> None:
    gone = readings.asked - readings.deals.keys()
    if gone and Sale.objects.filter(user_account=account, amocrm_deal_id__in=gone).exists():
        hasten(account, now)  # only amoCRM's events tell whether a sale goes with it, or moves into another deal
    for delivery in deliveries:
        deal_ids = dict.fromkeys(news.snapshot.deal_id for news in delivery.parsed.deals)
        for deal_id in deal_ids:
            if readings.is_gone(deal_id):
                delivery.notes.append(
                    told("Deal %(id)s reads as 204: merged into another deal, or gone.") % {"id": deal_id}
                )


def _note_behind(account: UserAccount, deliveries: Sequence[Delivery], readings: Readings, now: datetime) -> None:
    """What the deliveries told of money has not been seen in the CRM, though it was waited for."""
    for delivery in deliveries:
        for deal_id in deals_not_shown(delivery, readings):
            delivery.notes.append(
                told("Deal %(id)s: amoCRM does not show yet what this delivery says. A sync reads it again.")
                % {"id": deal_id}
            )
            hasten(account, now)


def _note_left(deliveries: Sequence[Delivery], readings: Readings) -> None:
    for delivery in deliveries if readings.left else ():
        deal_ids = {news.snapshot.deal_id for news in delivery.parsed.deals}
        if count := len(deal_ids & readings.left):
            delivery.status = ProcessingStatus.PARTIAL
            delivery.notes.append(
                told("%(count)s deals of the delivery would each have cost a request: a sync reads them.")
                % {"count": count}
            )


def _note_refused(deliveries: Sequence[Delivery], readings: Readings) -> None:
    """Why the deals of a delivery have no client: for one contact, or it would be said of each."""
    for delivery in deliveries if readings.refused else ():
        deals = (readings.deals.get(news.snapshot.deal_id) for news in delivery.parsed.deals)
        contacts = (contact_id for deal in deals if deal for contact_id in deal.contact_ids)
        if why := next((readings.refused[one] for one in contacts if one in readings.refused), ""):
            delivery.notes.append(told("Contacts could not be read. %(why)s") % {"why": why})


def _has_stage_left(deliveries: Sequence[Delivery], readings: Readings) -> bool:
    """Whether a stage was told without a time, as the Digital Pipeline does, that its deal had left when read."""
    snapshots = (news.snapshot for delivery in deliveries for news in delivery.parsed.deals)
    timeless = (one for one in snapshots if one.updated_at is None and one.status_id is not None)
    return any(
        one.status_id != read.status_id for one in timeless if (read := readings.deals.get(one.deal_id)) is not None
    )


_OUTCOME = (
    *("processing_status", "error_message", "deal_data", "lead_id", "pipeline_id", "utm_source", "utm_campaign"),
    *("routing_decision", "routing_reason", "processed_at", "attempts", "next_attempt_at"),
)


def write_outcomes(
    account: UserAccount, deliveries: Sequence[Delivery], states: Mapping[int, DealState], now: datetime
) -> None:
    """Write back what became of the deliveries. `states`: deal id → how the deal stands now, where it is known."""
    buyers = buyers_of(account) if any(delivery.parsed.deals for delivery in deliveries) else []
    update_values(WebhookLog, _OUTCOME, [_outcome(delivery, states, buyers, now) for delivery in deliveries])
    take_bodies_of_erased(account, deliveries)


def _outcome(delivery: Delivery, states: Mapping[int, DealState], buyers: Sequence[Buyer], now: datetime) -> list[Any]:
    snapshot = delivery.parsed.deals[0].snapshot if delivery.parsed.deals else None
    state = states.get(snapshot.deal_id) if snapshot and delivery.is_applicable else None
    utm = _utm(snapshot, state)
    routed = route_delivery(Hook(delivery.log.source), utm, buyers) if snapshot else Route("", "")
    return [
        delivery.log.pk,
        delivery.status.value,
        "\n".join(delivery.notes),
        json.dumps(delivery.parsed.data, ensure_ascii=False),
        snapshot.deal_id if snapshot else None,
        (snapshot.pipeline_id if snapshot else None) or (state.pipeline_id if state else None),
        utm.source[:500],
        utm.campaign[:500],
        routed.decision,
        routed.reason,
        database.ops.adapt_datetimefield_value(now),
        delivery.log.attempts + 1,
        None,
    ]


def _utm(snapshot: DealSnapshot | None, state: DealState | None) -> Utm:
    """The delivery's own UTM, else what its deal is known to have."""
    if snapshot is None or snapshot.utm or state is None:
        return snapshot.utm if snapshot else Utm()
    return Utm(*state.utm)


def route_delivery(hook: Hook, utm: Utm, buyers: Sequence[Buyer]) -> Route:
    return route(utm, buyers, takes_referral=hook is not Hook.TRAFFIC, takes_traffic=hook is not Hook.REFERRAL)
