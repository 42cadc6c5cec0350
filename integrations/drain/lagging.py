"""Readings that lag: amoCRM's API may show a change a moment after its hook has told of it.

Where money is at stake, or whether the deal exists at all (which no later hook tells), the delivery waits until the API
shows the change; but only for a moment, as the hook may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.amocrm.payloads import DealNews
from integrations.drain.deliveries import Delivery
from integrations.drain.reading import Readings
from integrations.models import WebhookLog
from leads.news import DealAction, DealSnapshot

# Together they let even a delivery that is looked at for a last time be applied within five seconds of its arrival.
LOOK_AGAIN = timedelta(seconds=1)
WAIT_AT_MOST = timedelta(seconds=3)


def deals_behind(delivery: Delivery, readings: Readings) -> list[int]:
    """The deals whose win, lost win or price the delivery tells as of a later time than the reading."""
    told = (news.snapshot for news in delivery.parsed.deals) if delivery.is_applicable else ()
    behind = [one.deal_id for one in told if _is_behind(readings.deals.get(one.deal_id), one)]
    return list(dict.fromkeys(behind))


def deals_not_shown(delivery: Delivery, readings: Readings) -> list[int]:
    """The deals whose news the API did not show even after waiting. News without a time that was not waited for does
    not count: it may as well be older than the reading."""
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
    """Whether to read again later: once however old the delivery is, and repeatedly while it is young. For news without
    a time only a young delivery waits, since the news may be as late as the reading."""
    is_young = abs(now - delivery.log.received_at) < WAIT_AT_MOST
    if deals_behind(delivery, readings):
        return is_young or delivery.log.next_attempt_at is None
    told = delivery.parsed.deals if delivery.is_applicable else ()
    return is_young and any(_differs(news, readings) for news in told)


def _differs(news: DealNews, readings: Readings) -> bool:
    """Whether news and reading disagree: the deal is told deleted but read as present, told restored but read as gone,
    or won (or no longer won), by news without a time, but not by the reading."""
    told, read = news.snapshot, readings.deals.get(news.snapshot.deal_id)
    if news.action is DealAction.RESTORED:
        return bool(read.is_deleted) if read else readings.is_gone(told.deal_id)
    if read is None or read.is_deleted:
        return False
    if news.action is DealAction.DELETED:
        return True
    return told.updated_at is None and told.status_id is not None and told.is_won != read.is_won


def put_off(deliveries: Sequence[Delivery], now: datetime) -> None:
    """Look at the deliveries again a moment later. It is no failure: no try is counted."""
    ids = [delivery.log.pk for delivery in deliveries]
    WebhookLog.objects.filter(pk__in=ids).update(next_attempt_at=now + LOOK_AGAIN)
