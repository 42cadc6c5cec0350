"""Putting messages into the outbox. Nothing is sent here: a worker does that once the transaction is committed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.utils import timezone

from analytics.models import Referrer, Sale, SaleStatus
from integrations.models import NotificationKind, SaleNotification
from integrations.models.notifications import notification_settings
from integrations.notify.message import referrer_key, sale_text, summary_text
from integrations.waking import wake
from leads.models import UserAccount

SEND = "integrations.send_notifications"
TOO_OLD = timedelta(hours=24)


def enqueue_for(
    account: UserAccount,
    sale_ids: Collection[int],
    *,
    met_by_sync: bool,
    now: datetime,
    told_by: Mapping[int, int] | None = None,
) -> int:
    """Queue the message of each of these sales, which have just become paid for the first time. How many were queued.

    To be called inside the transaction that made them paid. None for sales that a sync met first or that were sold
    more than 24 hours ago, and never a second for a sale: then nothing is ever sent for it.

    :param told_by: deal id → the delivery whose news made the sale.
    """
    assert connection.in_atomic_block, "the sale and its message are one transaction"
    if met_by_sync or not sale_ids:
        return 0
    fresh = Sale.objects.filter(
        user_account=account,
        pk__in=sale_ids,
        is_met_by_sync=False,
        status=SaleStatus.PAID,
        sold_at__gt=now - TOO_OLD,
        notification=None,
    )
    sales = list(fresh.select_related("targetologist").order_by("pk"))
    if not sales:
        return 0
    language = notification_settings(account).language
    referrers = _referrers(account, sales)
    # Somebody else may have queued one of them a moment ago: the constraint on the sale decides.
    rows = [_row(sale, referrers.get(referrer_key(sale)), language, now) for sale in sales]
    for row, sale in zip(rows, sales, strict=True):
        row.delivery_id = (told_by or {}).get(sale.amocrm_deal_id or 0)
    SaleNotification.objects.bulk_create(rows, ignore_conflicts=True)
    wake_after_commit()
    return len(sales)


def enqueue_purchase(sale: Sale) -> None:
    """Queue the message of a purchase by hand, once it is paid. In the transaction that saves it."""
    if sale.is_manual:
        enqueue_for(sale.user_account, [sale.pk], met_by_sync=False, now=timezone.now())


def enqueue_summary(account: UserAccount, day: date, sales: list[Sale], chat_id: str, now: datetime) -> None:
    """Queue the summary of a day, unless there is one already."""
    text = summary_text(day, sales, _referrers(account, sales), notification_settings(account).language)
    row = SaleNotification(
        user_account=account, kind=NotificationKind.SUMMARY, day=day, chat_id=chat_id, text=text, queued_at=now
    )
    SaleNotification.objects.bulk_create([row], ignore_conflicts=True)
    wake_after_commit()


def wake_after_commit() -> None:
    """Ring for a sender. A ring that is lost is found by the sweep, so its failure spoils nothing."""
    transaction.on_commit(partial(wake, SEND), robust=True)


def chat_of(sale: Sale) -> str:
    """The targetologist's chat; empty: the installation's."""
    return sale.targetologist.telegram_chat_id.strip() if sale.targetologist else ""


def _row(sale: Sale, referrer: Referrer | None, language: str, now: datetime) -> SaleNotification:
    return SaleNotification(
        user_account_id=sale.user_account_id,
        sale=sale,
        chat_id=chat_of(sale),
        text=sale_text(sale, referrer, language),
        queued_at=now,
    )


def _referrers(account: UserAccount, sales: Iterable[Sale]) -> dict[str, Referrer]:
    keys = {key for sale in sales if (key := referrer_key(sale))}
    found = Referrer.objects.filter(user_account=account, code_key__in=keys) if keys else []
    return {referrer.code_key: referrer for referrer in found}
