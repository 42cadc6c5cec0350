"""The door of amoCRM's news, whoever brings them: leads first, then the money that follows, then the message of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction

from analytics.earning.settle import settle_deals
from analytics.models import Sale
from integrations.models import AmoCRMConnection
from integrations.notify.outbox import enqueue_for
from integrations.push.tagging import enqueue_tags
from leads.deals.apply import apply_news
from leads.deals.changes import LeadChange
from leads.models import UserAccount
from leads.news import ContactSnapshot, DealSnapshot

logger = structlog.get_logger(__name__)


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
