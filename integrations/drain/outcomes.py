"""What is written back to each delivery: how it ended, what is to be said of it, and where its deal was routed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection as database

from analytics.earning.tellings import kinds_of
from analytics.routing import Buyer, Route, buyers_of, route
from integrations.drain.deliveries import Delivery
from integrations.drain.lagging import deals_not_shown
from integrations.drain.reading import Readings
from integrations.models import ProcessingStatus, WebhookLog
from integrations.people.deliveries import take_bodies_of_erased
from leads.bulk import update_values
from leads.deals.changes import DealState
from leads.models import UserAccount
from leads.news import DealSnapshot, Utm
from leads.told import told


def note_readings(delivery: Delivery, readings: Readings) -> None:
    """Say of the delivery what of it could not be read, or not as it tells it."""
    deal_ids = dict.fromkeys(news.snapshot.deal_id for news in delivery.parsed.deals)
    for deal_id in filter(readings.is_gone, deal_ids):
        note = told("Deal %(id)s reads as 204: merged into another deal, or gone.")
        delivery.notes.append(note % {"id": deal_id})
    if count := len(readings.left.intersection(deal_ids)):
        delivery.status = ProcessingStatus.PARTIAL
        note = told("%(count)s deals of the delivery would each have cost a request: a sync reads them.")
        delivery.notes.append(note % {"count": count})
    for deal_id in deals_not_shown(delivery, readings):
        note = told("Deal %(id)s: amoCRM does not show yet what this delivery says. A sync reads it again.")
        delivery.notes.append(note % {"id": deal_id})
    # Why its deals have no client: for one contact, or it would be said of each.
    contacts = (one for deal_id in deal_ids if (deal := readings.deals.get(deal_id)) for one in deal.contact_ids)
    if why := next((readings.refused[one] for one in contacts if one in readings.refused), ""):
        delivery.notes.append(told("Contacts could not be read. %(why)s") % {"why": why})


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
    routed = route_delivery(delivery.log.source, utm, buyers) if snapshot else Route("", "")
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


def route_delivery(source: str, utm: Utm, buyers: Sequence[Buyer]) -> Route:
    kinds = kinds_of(frozenset({source}))
    return route(utm, buyers, takes_referral=kinds.referral, takes_traffic=kinds.traffic)
