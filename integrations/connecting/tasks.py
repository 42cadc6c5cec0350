"""What workers do for connections. Each task is a door of a few lines."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import structlog
from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.tokens import ConnectionTokens
from integrations.connecting.health import connections_of_the_minute, look_after_hook
from integrations.connecting.pipelines import pipelines_sync
from integrations.connecting.set_up import overdue, set_up
from integrations.models import AmoCRMConnection, ConnectionState
from integrations.waking import wake
from leads.turns import turn_of

logger = structlog.get_logger(__name__)

# A refresh token dies after three months without use; once a week is amoCRM's own advice.
IDLE = timedelta(days=7)
# A round that asks a last account just before this is over before the next is rung for.
ROUND_SECONDS = 20.0
_round = threading.Lock()


@shared_task(name="integrations.set_up_connection")
def set_up_connection(account_id: str) -> None:
    """Hook, pipelines, first sync of an account that was connected just now."""
    for connection in _connected().filter(user_account_id=uuid.UUID(account_id)):
        set_up(connection)


@shared_task(name="integrations.tend_connections")
def tend_connections() -> None:
    """Every minute: set-ups that were lost with a message or a worker."""
    for account_id in overdue():
        wake(set_up_connection, str(account_id))


@shared_task(name="integrations.sync_pipelines")
def sync_pipelines() -> None:
    """Every twelve hours: each account's stages."""
    for account_id in _account_ids(_connected()):
        _tend(pipelines_sync, account_id)


@shared_task(name="integrations.look_after_hooks")
def look_after_hooks() -> None:
    """Every minute: the hooks of the accounts whose minute of the hour this is, then of those with a problem, as far as
    there is time. A process has one such round at a time: an account where amoCRM hangs takes 25 s of it, and rounds
    side by side would soon have all threads."""
    if not _round.acquire(blocking=False):
        return
    try:
        ends = time.monotonic() + ROUND_SECONDS
        due = connections_of_the_minute(timezone.now())
        random.shuffle(due)  # whom this round does not reach, one of the next will
        for account_id, problem in sorted(due, key=lambda one: bool(one[1])):
            if problem and time.monotonic() > ends:
                break
            _tend(look_after_hook, account_id)
    finally:
        _round.release()


@shared_task(name="integrations.refresh_idle_tokens")
def refresh_idle_tokens() -> None:
    """Daily: renew the tokens that nothing has renewed for a week, so that they do not die of disuse."""
    stale = _connected().filter(token_refreshed_at__lt=timezone.now() - IDLE).exclude(refresh_token="")
    for account_id in _account_ids(stale):
        _tend(lambda one: ConnectionTokens(one).renewed(one.access_token), account_id)


def _connected() -> QuerySet[AmoCRMConnection]:
    return AmoCRMConnection.objects.filter(state=ConnectionState.CONNECTED).select_related("user_account")


def _account_ids(connections: QuerySet[AmoCRMConnection]) -> list[uuid.UUID]:
    return list(connections.values_list("user_account_id", flat=True))


def _tend(work: Callable[[AmoCRMConnection], object], account_id: uuid.UUID) -> None:
    """One account's trouble is not the others': be it amoCRM's, or that its tokens were saved with a lost key, for
    which the connection cannot even be read."""
    with turn_of(account_id, "connection"):
        for connection in _connected().filter(user_account_id=account_id):
            try:
                work(connection)
            except AmoCRMError as error:
                logger.warning("connection_not_tended", account=str(account_id), error=str(error))
