"""What workers do for Meta. Each task is a door of a few lines."""

from __future__ import annotations

from celery import shared_task

from integrations.meta.lease import due_ad_accounts
from integrations.meta.pull import work


@shared_task(name="integrations.pull_meta")
def pull_meta(ad_account_id: int) -> None:
    """Read an ad account's spend. Ringing twice does no harm: the second finds the lease taken."""
    work(ad_account_id)


@shared_task(name="integrations.tend_meta")
def tend_meta() -> None:
    """Every minute: the ad accounts whose morning has come, whose pause is over, whose worker has died."""
    for ad_account_id in due_ad_accounts().values_list("pk", flat=True):
        pull_meta.apply_async(args=(ad_account_id,), retry=False)
