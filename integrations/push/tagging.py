"""Optionally: a tag on the deal at amoCRM when it becomes qualified, so that salespeople see it there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from django.db import connection as database
from django.db import transaction

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import ConditionError, RequestError
from integrations.amocrm.pushing import add_tags
from integrations.connecting.problems import clear_problem, note_problem
from integrations.models import AmoCRMConnection, ConnectionState, DealTag, PushSettings
from integrations.waking import wake
from leads.clock import is_over, seconds_until
from leads.deals.changes import LeadChange
from leads.models import PushState, UserAccount

logger = structlog.get_logger(__name__)

TAG = "integrations.tag_deals"
BATCH = 50


def enqueue_tags(account: UserAccount, changes: Sequence[LeadChange]) -> int:
    """Queue the account's tag for the deals that have just become qualified. How many; 0 where it wants none.

    To be called inside the transaction that applied the news.
    """
    assert database.in_atomic_block, "the change and its tag are one transaction"
    fresh = [
        change.deal_id
        for change in changes
        if change.after.is_qualified
        and not change.after.is_deleted
        and not (change.before is not None and change.before.is_qualified)
    ]
    if not fresh:
        return 0
    tag = PushSettings.objects.filter(user_account=account).values_list("qualified_tag", flat=True).first()
    if not tag:
        return 0
    rows = [DealTag(user_account=account, amocrm_lead_id=deal_id, tag=tag) for deal_id in fresh]
    DealTag.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(partial(wake, TAG, str(account.pk)), robust=True)
    return len(rows)


def tag_account(account_id: uuid.UUID, *, ring_again: Callable[[float], None]) -> None:
    """Write the waiting tags of an account, 50 deals per request.

    :param ring_again: called with seconds after which the rest may be written.
    """
    connected = AmoCRMConnection.objects.filter(user_account_id=account_id, state=ConnectionState.CONNECTED)
    connection = connected.select_related("user_account").first()
    if connection is None:
        return
    pause = seconds_until(connection.next_attempt_at)
    if pause > 0:
        ring_again(pause)
        return
    client = AmoCRMClient(connection)
    waiting = DealTag.objects.filter(user_account_id=account_id, state=PushState.PENDING).order_by("id")
    try:
        while rows := list(waiting[:BATCH]):
            _write(client, rows)
    except ConditionError as error:
        note_problem(connection, error)
        return  # the sweep comes back to it
    if client.requests_made:
        clear_problem(connection)


def accounts_in_need() -> list[uuid.UUID]:
    """Accounts with tags to be written, and a connection that may be used now."""
    ready = AmoCRMConnection.objects.filter(is_over("next_attempt_at"), state=ConnectionState.CONNECTED)
    waiting = DealTag.objects.filter(state=PushState.PENDING, user_account__in=ready.values("user_account"))
    return list(waiting.order_by("user_account_id").values_list("user_account_id", flat=True).distinct())


def _write(client: AmoCRMClient, rows: Sequence[DealTag]) -> None:
    try:
        add_tags(client, [(row.amocrm_lead_id, row.tag) for row in rows])
    except RequestError as error:
        if len(rows) > 1:  # a deal that was deleted or merged meanwhile is not the others' fault
            for row in rows:
                _write(client, [row])
            return
        logger.warning("deal_not_tagged", deal=rows[0].amocrm_lead_id, detail=error.detail)
        DealTag.objects.filter(pk=rows[0].pk).update(state=PushState.FAILED, detail=str(error)[:2000])
    else:
        DealTag.objects.filter(pk__in=[row.pk for row in rows]).update(state=PushState.PUSHED)
