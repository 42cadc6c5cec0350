"""What workers do for rollups."""

from __future__ import annotations

from celery import shared_task

from analytics.rollups.tending import tend


@shared_task(name="analytics.tend_rollups")
def tend_rollups() -> None:
    """Every minute: what is loose is folded, and what says nothing made anew."""
    tend(seconds=45)
