"""What workers do for connections. Each task is a door of a few lines."""

from __future__ import annotations

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
from integrations.connecting.waking import wake
from integrations.models import AmoCRMConnection, ConnectionState

logger = structlog.get_logger(__name__)

# A refresh token dies after three months without use; once a week is amoCRM's own advice.
IDLE = timedelta(days=7)


@shared_task(name="integrations.set_up_connection", ignore_result=True)
def set_up_connection(account_id: str) -> None:
    """Hook, pipelines, first sync of an account that was connected just now."""
    for connection in _connected().filter(user_account_id=uuid.UUID(account_id)):
        set_up(connection)


@shared_task(name="integrations.tend_connections", ignore_result=True)
def tend_connections() -> None:
    """Every minute: set-ups that were lost with a message or a worker."""
    for connection in overdue():
        wake(set_up_connection, str(connection.user_account_id))


@shared_task(name="integrations.sync_pipelines", ignore_result=True)
def sync_pipelines() -> None:
    """Every twelve hours: each account's stages."""
    for connection in _connected():
        _each(pipelines_sync, connection)


@shared_task(name="integrations.look_after_hooks", ignore_result=True)
def look_after_hooks() -> None:
    """Every minute: the hooks of the accounts whose minute of the hour this is."""
    for connection in _connected().filter(user_account_id__in=connections_of_the_minute(timezone.now())):
        look_after_hook(connection)


@shared_task(name="integrations.refresh_idle_tokens", ignore_result=True)
def refresh_idle_tokens() -> None:
    """Daily: renew the tokens that nothing has renewed for a week, so that they do not die of disuse."""
    stale = _connected().filter(token_refreshed_at__lt=timezone.now() - IDLE).exclude(refresh_token="")
    for connection in stale:
        _each(lambda one: ConnectionTokens(one).renewed(one.access_token), connection)


def _connected() -> QuerySet[AmoCRMConnection]:
    return AmoCRMConnection.objects.filter(state=ConnectionState.CONNECTED).select_related("user_account")


def _each(work: Callable[[AmoCRMConnection], object], connection: AmoCRMConnection) -> None:
    """One account's trouble is not the others'."""
    try:
        work(connection)
    except AmoCRMError as error:
        logger.warning("connection_not_tended", account=str(connection.user_account_id), error=str(error))
