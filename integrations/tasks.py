"""What workers do. Each task is a door of a few lines; the work is in the module it calls."""

from __future__ import annotations

import uuid

import structlog
from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone

from integrations.drain.drain import drain
from integrations.drain.sweep import accounts_in_need
from integrations.intake.doorbell import DRAIN
from integrations.retention import prune
from integrations.waking import ring_for

logger = structlog.get_logger(__name__)


@shared_task(name=DRAIN)
def drain_account(account_id: str) -> None:
    """Work off an account's deliveries. Ringing twice does no harm: the second finds the lease taken."""
    drain(uuid.UUID(account_id), ring_again=ring_for(drain_account, account_id))


@worker_ready.connect
def sweep_at_start(**_signal: object) -> None:
    """What a killed worker left behind need not wait for the next sweep."""
    sweep.apply_async(retry=False)


@shared_task(name="integrations.sweep")
def sweep() -> None:
    """Wake a drain for every backlog whose bell was not heard (law 1)."""
    for account_id in accounts_in_need():
        drain_account.apply_async(args=(str(account_id),), retry=False)


@shared_task(name="integrations.prune_deliveries")
def prune_deliveries() -> None:
    """Remove deliveries that were kept as long as their account wishes."""
    removed = prune(timezone.now())
    if removed:
        logger.info("deliveries_pruned", deliveries=removed)
