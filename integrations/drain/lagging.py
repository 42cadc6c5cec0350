"""Readings that lag: amoCRM's API may show a change a moment after its hook has told of it.

Where that is a matter of money the delivery waits for the reading, for a moment only: what was told may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.drain.deliveries import Delivery
from integrations.drain.reading import Readings
from integrations.models import WebhookLog
from leads.news import DealSnapshot

# So that also a delivery that is looked at for the last time is applied within five seconds of its arrival.
LOOK_AGAIN = timedelta(seconds=1)
WAIT_AT_MOST = timedelta(seconds=3)


def deals_behind(delivery: Delivery, readings: Readings) -> list[int]:
    """The deals of which the delivery tells a later win, loss of it, or price of it, than what was read."""
    told = (news.snapshot for news in delivery.parsed.deals) if delivery.is_applicable else ()
    behind = [one.deal_id for one in told if _is_behind(readings.deals.get(one.deal_id), one)]
    return list(dict.fromkeys(behind))


def _is_behind(read: DealSnapshot | None, told: DealSnapshot) -> bool:
    if read is None or read.updated_at is None or told.updated_at is None or told.updated_at <= read.updated_at:
        return False
    if told.status_id is not None and told.is_won != read.is_won:
        return True
    return read.is_won and told.price is not None and told.price != read.price


def may_wait(delivery: Delivery, now: datetime) -> bool:
    """Once however old it is, and again as long as it is young."""
    is_first_look = delivery.log.next_attempt_at is None
    return is_first_look or abs(now - delivery.log.received_at) < WAIT_AT_MOST


def put_off(deliveries: Sequence[Delivery], now: datetime) -> None:
    """It is no failure: no try is counted."""
    ids = [delivery.log.pk for delivery in deliveries]
    WebhookLog.objects.filter(pk__in=ids).update(next_attempt_at=now + LOOK_AGAIN)
