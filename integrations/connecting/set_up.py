"""What follows once tokens are there: the hook, the pipelines, the backlog, the first sync."""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog
from django.utils import timezone

from integrations.amocrm.errors import ConditionError, RequestError, Unpaid
from integrations.connecting.hooks import hook_register
from integrations.connecting.pipelines import pipelines_sync
from integrations.connecting.problems import clear_problem, note_problem
from integrations.intake.doorbell import ring
from integrations.models import AmoCRMConnection, ConnectionState
from integrations.waking import wake
from leads.clock import is_over

logger = structlog.get_logger(__name__)

FIRST_SYNC = "integrations.sync_leads"
# A set-up that was begun this long ago and is not done was lost with its message or its worker.
_OVERDUE = timedelta(seconds=30)


def set_up(connection: AmoCRMConnection) -> None:
    """Make a fresh connection work. Repeating it does no harm; what amoCRM's trouble stops is done by a later try."""
    account_id = connection.user_account_id
    ring(account_id)  # deliveries that came before the connection
    try:
        _register_hook(connection)
        pipelines_sync(connection)
    except RequestError as error:
        logger.warning("amocrm_pipelines_refused", account=str(account_id), error=str(error))
    except ConditionError as error:
        note_problem(connection, error)
        return
    clear_problem(connection)
    if connection.unless_reconnected().filter(set_up_at=None).update(set_up_at=timezone.now()):
        wake(FIRST_SYNC, str(account_id))


def _register_hook(connection: AmoCRMConnection) -> None:
    try:
        hook_register(connection)
    except (RequestError, Unpaid) as error:
        # A plan without webhooks, or a user without rights: `hook_register` has noted why, and syncs still work.
        logger.warning("amocrm_hook_refused", account=str(connection.user_account_id), error=str(error))


def overdue() -> list[uuid.UUID]:
    """Accounts whose set-up was lost, or waits for amoCRM to answer again."""
    begun = AmoCRMConnection.objects.filter(
        state=ConnectionState.CONNECTED, set_up_at=None, connected_at__lt=timezone.now() - _OVERDUE
    )
    return list(begun.filter(is_over("next_attempt_at")).values_list("user_account_id", flat=True))
