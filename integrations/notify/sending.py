"""Sending what is in the outbox: at most once each, also when a worker is killed between sending and writing.

A row is marked `sending`, and that committed, before its request leaves. A row whose sender did not come back is never
sent again by itself: it ends as `uncertain`, and a person who has looked into the chat may send it again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from analytics.models import SaleStatus
from integrations.ending import is_turn_over
from integrations.models import NotificationState, SaleNotification
from integrations.notify.outbox import chat_of
from integrations.notify.telegram import Refused, TelegramError, TryLater, send_message
from leads.clock import is_over, seconds_until, shared_now
from leads.told import told

logger = structlog.get_logger(__name__)

# Longer than a request takes (connecting 5 s, waiting 15 s). Where one drips on for longer, its answer still counts.
LEASE_FOR = timedelta(seconds=30)
# Telegram that hangs must not take all of the workers' threads.
SENDERS_AT_ONCE = 4
TURN_SECONDS = 20.0
LONGEST_BACKOFF = 60.0
GIVE_UP_AFTER = timedelta(hours=24)
UNCERTAIN_TEXT = told(
    "The sender stopped after the message had left and before it was written down. It may have been delivered: look "
    "into the chat, and send it again if it is not there."
)


def send_due(*, ring_again: Callable[[float], None]) -> None:
    """Send what is due, the oldest first.

    :param ring_again: called with seconds after which there is something to send again.
    """
    ends = time.monotonic() + TURN_SECONDS
    while not is_turn_over(ends):
        if _living_senders() >= SENDERS_AT_ONCE:
            return  # each of them looks again after its message
        row = _claim()
        if row is None:
            break
        _send(row)
    soonest = _waiting().order_by(F("next_attempt_at").asc(nulls_first=True)).first()
    if soonest is not None:
        ring_again(max(0.1, seconds_until(soonest.next_attempt_at)))


def is_anything_due() -> bool:
    return _due().exists()


def give_up_the_lost() -> int:
    """Mark rows whose sender died as `uncertain`. Returns how many."""
    lost = SaleNotification.objects.filter(state=NotificationState.SENDING, lease_until__lt=Now())
    return lost.update(state=NotificationState.UNCERTAIN, detail=UNCERTAIN_TEXT)


def send_again(rows: QuerySet[SaleNotification]) -> int:
    """A person's decision: put failed and uncertain messages back. Returns how many; the caller rings.

    One about a sale goes to the chat that it would go to now.
    """
    count = 0
    for row in rows.filter(state__in=[NotificationState.FAILED, NotificationState.UNCERTAIN]).select_related(
        "sale__targetologist"
    ):
        chat_id = chat_of(row.sale) if row.sale else row.chat_id
        # Two people who press at once are one.
        count += SaleNotification.objects.filter(pk=row.pk, state=row.state).update(
            state=NotificationState.PENDING,
            detail="",
            attempts=0,
            next_attempt_at=None,
            lease_key=None,
            lease_until=None,
            queued_at=timezone.now(),
            chat_id=chat_id,
        )
    return count


def _waiting() -> QuerySet[SaleNotification]:
    # A sale that was un-won while Telegram was away is no news; won again, it is.
    still_sold = Q(sale=None) | Q(sale__status=SaleStatus.PAID)
    return SaleNotification.objects.filter(still_sold, state=NotificationState.PENDING)


def _due() -> QuerySet[SaleNotification]:
    return _waiting().filter(is_over("next_attempt_at"))


def _living_senders() -> int:
    return SaleNotification.objects.filter(state=NotificationState.SENDING, lease_until__gte=Now()).count()


def _claim() -> SaleNotification | None:
    """The next message, now `sending` and ours alone; None when nothing is due."""
    for pk in list(_due().order_by("id").values_list("pk", flat=True)[:10]):
        key = uuid.uuid4()
        mine = SaleNotification.objects.filter(pk=pk, state=NotificationState.PENDING).update(
            state=NotificationState.SENDING,
            lease_key=key,
            lease_until=Now() + LEASE_FOR,
            attempts=F("attempts") + 1,
        )
        if mine:
            return SaleNotification.objects.get(pk=pk)
    return None


def _send(row: SaleNotification) -> None:
    try:
        message_id = send_message(row.chat_id or settings.TELEGRAM_CHAT_ID, row.text)
    except TryLater as error:
        _put_back(row, error)
    except Refused as error:
        _end(row, NotificationState.FAILED, str(error))
    except TelegramError as error:
        _end(row, NotificationState.UNCERTAIN, f"{error} {UNCERTAIN_TEXT}")
    else:
        _mine(row, NotificationState.SENDING, NotificationState.UNCERTAIN).update(
            state=NotificationState.SENT, sent_at=timezone.now(), message_id=message_id, detail=""
        )
        logger.info("notification_sent", **_named(row), attempts=row.attempts)


def _put_back(row: SaleNotification, error: TryLater) -> None:
    now = shared_now()
    if now - row.queued_at > GIVE_UP_AFTER:
        _end(row, NotificationState.FAILED, told("Given up after 24 hours: %(why)s") % {"why": error})
        return
    next_attempt_at = now + timedelta(seconds=_pause(row, error))
    _mine(row, NotificationState.SENDING).update(
        state=NotificationState.PENDING, detail=str(error), next_attempt_at=next_attempt_at
    )
    if error.retry_after is not None:
        _hold_chat_back(row.chat_id, next_attempt_at)


def _pause(row: SaleNotification, error: TryLater) -> float:
    """Seconds: what Telegram says, else 1, 2, 4 … 60."""
    if error.retry_after is not None:
        return error.retry_after
    return min(2.0 ** (row.attempts - 1), LONGEST_BACKOFF)


def _hold_chat_back(chat_id: str, until: datetime) -> None:
    """Telegram counts per chat: the others of this chat would only be refused as well."""
    earlier = Q(next_attempt_at=None) | Q(next_attempt_at__lt=until)
    waiting = SaleNotification.objects.filter(earlier, state=NotificationState.PENDING, chat_id=chat_id)
    waiting.update(next_attempt_at=until)


def _end(row: SaleNotification, state: NotificationState, detail: str) -> None:
    _mine(row, NotificationState.SENDING).update(state=state, detail=detail)
    logger.warning("notification_not_sent", **_named(row), state=state.value, detail=detail)


def _named(row: SaleNotification) -> dict[str, int | None]:
    """By which a line of the log is found: the message, its sale, and the delivery that told of it."""
    return {"notification": row.pk, "sale": row.sale_id, "delivery": row.delivery_id}


def _mine(row: SaleNotification, *states: NotificationState) -> QuerySet[SaleNotification]:
    """The row, for as long as nobody has decided otherwise about it."""
    return SaleNotification.objects.filter(pk=row.pk, lease_key=row.lease_key, state__in=states)
