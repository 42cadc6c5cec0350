"""What workers do for snapshots."""

from __future__ import annotations

from celery import shared_task

from analytics.snapshots.taking import take_due


@shared_task(name="analytics.take_snapshots")
def take_snapshots() -> None:
    """Write down what the reports said, for each account whose day is over."""
    take_due()
