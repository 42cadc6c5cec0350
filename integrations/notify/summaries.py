"""The daily summary: each morning of the account's own, the sales of the day before."""

from __future__ import annotations

from datetime import datetime, timedelta

from analytics.models import Sale, SaleStatus
from integrations.models import NotificationSettings, SaleNotification
from integrations.notify.outbox import enqueue_summary
from leads.days import within_days
from leads.turns import turn_of


def queue_summaries(now: datetime) -> int:
    """Queue the summaries whose hour has come and that are not queued yet. How many."""
    queued = 0
    for settings in NotificationSettings.objects.filter(daily_summary=True).select_related("user_account"):
        with turn_of(settings.user_account_id, "summary"):
            queued += _queue(settings, now)
    return queued


def _queue(settings: NotificationSettings, now: datetime) -> bool:
    account = settings.user_account
    here = now.astimezone(account.zone)
    is_time = here.hour >= settings.summary_hour
    day = here.date() - timedelta(days=1 if is_time else 2)
    summed_up = SaleNotification.objects.filter(user_account=account)
    if summed_up.filter(day=day).exists():
        return False
    # Before its hour, yesterday is nobody's; but the day before may have been missed, where no worker was there between
    # its hour and midnight.
    if not is_time and not summed_up.filter(day=day - timedelta(days=1)).exists():
        return False
    paid = Sale.objects.filter(user_account=account, status=SaleStatus.PAID).select_related("targetologist")
    sold = within_days(paid, "sold_at", account, day, day)
    enqueue_summary(account, day, list(sold), settings.summary_chat_id.strip(), now)
    return True
