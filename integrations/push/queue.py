"""Putting leads on their way to amoCRM. Nothing is sent here: a worker does that once the transaction is committed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.models import AmoCRMConnection, ConnectionState, LeadPush
from integrations.waking import wake
from leads.deals.apply import lock_account
from leads.models import Lead, LeadSource, PushState, UserAccount

GRACE = timedelta(seconds=10)
PUSH = "integrations.push_leads"


def takes_leads(account: UserAccount) -> bool:
    """Whether the account has an amoCRM to send leads to; one that has to be renewed will take them then."""
    connected = AmoCRMConnection.objects.filter(user_account=account).exclude(state=ConnectionState.DISCONNECTED)
    return connected.exists()


def push_enqueue(lead: Lead, *, at_once: bool = False) -> bool:
    """Have this lead become a deal at amoCRM. To be called inside the transaction that enters it; for a lead that was
    there before, under the account's lock.

    False, and nothing is done, for a lead that is from amoCRM or stands there already, and without a connection:
    connecting later sends nothing that came before.
    """
    assert connection.in_atomic_block, "the lead and its push are one transaction"
    account = lead.user_account
    if lead.source == LeadSource.AMOCRM or lead.amocrm_lead_id is not None or not takes_leads(account):
        return False
    # Who names the pipeline wants the deal made. Otherwise the response mostly reaches amoCRM by a channel of its own
    # (WhatsApp, a form), whose hook is on its way: a lead that it finds within this time needs no second deal.
    due = None if at_once or lead.push_pipeline_id else Now() + GRACE
    LeadPush.objects.get_or_create(lead=lead, defaults={"user_account": account, "next_attempt_at": due})
    _show(lead.pk, PushState.PENDING)
    lead.push_state = PushState.PENDING
    wake_after_commit(account.pk)
    return True


def push_again(rows: QuerySet[LeadPush]) -> int:
    """Try again what amoCRM refused, say after a person has mended the reason. Returns how many."""
    count = 0
    for row in rows.filter(state=PushState.FAILED).select_related("user_account"):
        with transaction.atomic():
            lock_account(row.user_account)
            mine = LeadPush.objects.filter(pk=row.pk, state=PushState.FAILED)
            if mine.update(state=PushState.PENDING, detail="", next_attempt_at=None, attempts=0):
                _show(row.lead_id, PushState.PENDING)
                wake_after_commit(row.user_account_id)
                count += 1
    return count


def wake_after_commit(account_id: uuid.UUID) -> None:
    """A ring that is lost is found by the sweep, so its failure spoils nothing."""
    transaction.on_commit(partial(wake, PUSH, str(account_id)), robust=True)


def _show(lead_id: int, state: PushState) -> None:
    Lead.objects.filter(pk=lead_id).update(push_state=state)
