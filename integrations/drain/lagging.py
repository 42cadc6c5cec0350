"""Readings that lag: amoCRM's API may show a change a moment after its hook has told of it.

Where that is a matter of money, or of whether the deal is there at all (which no later hook tells), the delivery waits
for the reading, for a moment only: what was told may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.amocrm.payloads import DealNews
from integrations.drain.deliveries import Delivery
from integrations.drain.reading import Readings
from integrations.models import WebhookLog
from leads.news import DealAction, DealSnapshot

# So that also a delivery that is looked at for the last time is applied within five seconds of its arrival.
LOOK_AGAIN = timedelta(seconds=1)
WAIT_AT_MOST = timedelta(seconds=3)


def deals_behind(delivery: Delivery, readings: Readings) -> list[int]:
    """The deals of which the delivery tells a later win, loss of it, or price of it, than what was read."""
    told = (news.snapshot for news in delivery.parsed.deals) if delivery.is_applicable else ()
    behind = [one.deal_id for one in told if _is_behind(readings.deals.get(one.deal_id), one)]
    return list(dict.fromkeys(behind))


def deals_not_shown(delivery: Delivery, readings: Readings) -> list[int]:
    """The deals of which the delivery tells what was not read though it was waited for. What was told without a time
    and was not waited for may as well be old."""
    has_waited = delivery.is_applicable and delivery.log.next_attempt_at is not None
    told = delivery.parsed.deals if has_waited else ()
    timeless = [news.snapshot.deal_id for news in told if _differs(news, readings)]
    return list(dict.fromkeys([*deals_behind(delivery, readings), *timeless]))


def _is_behind(read: DealSnapshot | None, told: DealSnapshot) -> bool:
    if read is None or read.updated_at is None or told.updated_at is None or told.updated_at <= read.updated_at:
        return False
    if told.status_id is not None and told.is_won != read.is_won:
        return True
    return read.is_won and told.price is not None and told.price != read.price


def may_be_early(delivery: Delivery, readings: Readings, now: datetime) -> bool:
    """Whether to look again for the sake of money: once however old the delivery is, and again as long as it is young.
    What was told without a time may as well be late as the reading: only a young delivery waits for it."""
    is_young = abs(now - delivery.log.received_at) < WAIT_AT_MOST
    if deals_behind(delivery, readings):
        return is_young or delivery.log.next_attempt_at is None
    told = delivery.parsed.deals if delivery.is_applicable else ()
    return is_young and any(_differs(news, readings) for news in told)


def _differs(news: DealNews, readings: Readings) -> bool:
    """Whether a deal was read as there that is told to be deleted, as gone that is told to be restored, or a win or
    loss of it was told without a time that the reading does not show."""
    told, read = news.snapshot, readings.deals.get(news.snapshot.deal_id)
    if news.action is DealAction.RESTORED:
        return bool(read.is_deleted) if read else readings.is_gone(told.deal_id)
    if read is None or read.is_deleted:
        return False
    if news.action is DealAction.DELETED:
        return True
    return told.updated_at is None and told.status_id is not None and told.is_won != read.is_won


def put_off(deliveries: Sequence[Delivery], now: datetime) -> None:
    """It is no failure: no try is counted."""
    ids = [delivery.log.pk for delivery in deliveries]
    WebhookLog.objects.filter(pk__in=ids).update(next_attempt_at=now + LOOK_AGAIN)
