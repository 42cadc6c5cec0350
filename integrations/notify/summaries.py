"""The daily summary: each morning of the account's own, the sales of the day before."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from analytics.models import Sale, SaleStatus
from integrations.models import NotificationSettings, SaleNotification
from integrations.notify.outbox import enqueue_summary


def queue_summaries(now: datetime) -> int:
    """Queue the summaries whose hour has come and that are not queued yet. How many."""
    queued = 0
    for settings in NotificationSettings.objects.filter(daily_summary=True).select_related("user_account"):
        account = settings.user_account
        here = now.astimezone(account.zone)
        day = here.date() - timedelta(days=1)
        if here.hour < settings.summary_hour or SaleNotification.objects.filter(user_account=account, day=day).exists():
            continue
        begins = datetime.combine(day, time.min, account.zone)
        ends = datetime.combine(here.date(), time.min, account.zone)
        sold = Sale.objects.filter(
            user_account=account, status=SaleStatus.PAID, sold_at__gte=begins, sold_at__lt=ends
        ).select_related("targetologist")
        enqueue_summary(account, day, list(sold), settings.summary_chat_id.strip(), now)
        queued += 1
    return queued
