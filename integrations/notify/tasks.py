"""What workers do for notifications. Each task is a door of a few lines."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from integrations.alerts.watch import watch
from integrations.notify.outbox import SEND
from integrations.notify.sending import give_up_the_lost, is_anything_due, send_due
from integrations.notify.summaries import queue_summaries


@shared_task(name=SEND)
def send_notifications() -> None:
    """Send what the outbox holds. Ringing twice does no harm: each message has one sender."""

    def ring_again(seconds: float) -> None:
        send_notifications.apply_async(countdown=seconds, retry=False)

    send_due(ring_again=ring_again)


@shared_task(name="integrations.sweep_notifications")
def sweep_notifications() -> None:
    """Every minute: messages whose ring was not heard, and those whose sender died (law 1)."""
    give_up_the_lost()
    if is_anything_due():
        send_notifications.apply_async(retry=False)


@shared_task(name="integrations.daily_summaries")
def daily_summaries() -> None:
    """Every quarter of an hour: summaries whose account's morning has come."""
    queue_summaries(timezone.now())


@shared_task(name="integrations.watch")
def watch_conditions() -> None:
    """Every minute: what operators must hear of."""
    watch()
