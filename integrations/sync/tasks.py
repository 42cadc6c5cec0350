"""What workers do for syncs. Each task is a door of a few lines."""

from __future__ import annotations

import uuid
from functools import partial

import structlog
from celery import shared_task
from django.db import transaction

from integrations.models import SyncRun
from integrations.sync import runs
from integrations.sync.runner import work
from integrations.sync.schedule import PLAN, plan_syncs, take_due
from integrations.waking import ring_for, wake
from leads.models import UserAccount

logger = structlog.get_logger(__name__)


@shared_task(name="integrations.sync_leads")
def sync_leads(account_id: str) -> None:
    """Begin (or go on with) the run of an account."""
    account = UserAccount.objects.filter(pk=uuid.UUID(account_id)).first()
    if account is not None:
        begin(account)


@shared_task(name="integrations.work_on_sync")
def work_on_sync(run_id: int) -> None:
    """Go on with a run. Ringing twice does no harm: the second finds the lease taken."""
    work(run_id, ring_again=ring_for(work_on_sync, run_id))


@shared_task(name=PLAN)
def plan() -> None:
    """By the clock: every account's next sync gets its moment."""
    plan_syncs()
    tend()


@shared_task(name="integrations.tend_syncs")
def tend() -> None:
    """Every minute: syncs that are due, and runs that were left behind by a killed worker or a lost message."""
    take_due(begin=begin)
    for run_id in runs.in_need():
        wake(work_on_sync, run_id)


def begin(account: UserAccount) -> SyncRun | None:
    """Start or join the account's run and ring for a worker; None when amoCRM cannot be read."""
    try:
        run = runs.start(account)
    except runs.NotConnected as reason:
        logger.info("sync_not_started", account=str(account.pk), reason=str(reason))
        return None
    transaction.on_commit(partial(wake, work_on_sync, run.pk))
    return run
