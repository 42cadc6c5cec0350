"""What workers do for leads on their way to amoCRM. Each task is a door of a few lines."""

from __future__ import annotations

import uuid

from celery import shared_task

from integrations.push import claims, tagging
from integrations.push.queue import PUSH
from integrations.push.sending import push_account
from integrations.waking import ring_for


@shared_task(name=PUSH)
def push_leads(account_id: str) -> None:
    """Send an account's leads. Ringing twice does no harm: each lead has one worker at a time."""
    push_account(uuid.UUID(account_id), ring_again=ring_for(push_leads, account_id))


@shared_task(name="integrations.sweep_pushes")
def sweep_pushes() -> None:
    """Every minute: leads and tags whose ring was not heard, or whose worker died (law 1)."""
    for account_id in claims.accounts_in_need():
        push_leads.apply_async(args=(str(account_id),), retry=False)
    for account_id in tagging.accounts_in_need():
        tag_deals.apply_async(args=(str(account_id),), retry=False)


@shared_task(name=tagging.TAG)
def tag_deals(account_id: str) -> None:
    """Write the tags that an account's deals are to get."""
    tagging.tag_account(uuid.UUID(account_id), ring_again=ring_for(tag_deals, account_id))
