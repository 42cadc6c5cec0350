"""Looking after the hook: amoCRM switches it off after bad answers, and people delete it or take events from it."""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog
from django.utils import timezone

from integrations.amocrm.errors import ConditionError, ReconnectNeeded, RequestError, Unpaid
from integrations.connecting.hooks import LACKS_RIGHTS, HookStatus, hook_register, hook_status
from integrations.connecting.problems import clear_problem, note_problem
from integrations.models import AmoCRMConnection, ConnectionState
from leads.clock import is_over
from leads.told import told

logger = structlog.get_logger(__name__)

SLOTS = 60


def look_after_hook(connection: AmoCRMConnection) -> None:
    """Read the hook at amoCRM, and mend it where it is missing, switched off or lacks events.

    What cannot be mended from here stands in `webhook_detail`, with what to press. Trouble of the connection is left
    to the next hour, except a dead token, which is shown at once.
    """
    try:
        status = hook_status(connection)
        if not status.is_active:
            logger.warning("amocrm_hook_inactive", account=str(connection.user_account_id), what=_what(status))
            _mend(connection)
    except ReconnectNeeded as error:
        note_problem(connection, error)
    except ConditionError as error:
        logger.warning("amocrm_hook_not_read", account=str(connection.user_account_id), error=str(error))
    except RequestError as error:
        _explain(connection, f"{_HIDDEN} {error.detail} {LACKS_RIGHTS}")
    else:
        clear_problem(connection)


def connections_of_the_minute(now: datetime) -> list[tuple[uuid.UUID, str]]:
    """The accounts whose turn it is, with the problem that they have, if any: each has its own minute of the hour, so
    that not all ask at once.

    Those with a problem are asked every minute, for where nothing else waits nobody would notice that it has passed.
    """
    set_up = AmoCRMConnection.objects.filter(state=ConnectionState.CONNECTED, set_up_at__isnull=False)
    due = set_up.filter(is_over("next_attempt_at")).values_list("user_account_id", "problem_code")
    return [(account_id, problem) for account_id, problem in due if problem or _slot(account_id) == now.minute]


def _slot(account_id: uuid.UUID) -> int:
    return account_id.int % SLOTS


def _mend(connection: AmoCRMConnection) -> None:
    try:
        status = hook_register(connection)
    except (RequestError, Unpaid):
        return  # `hook_register` has noted why, and what to do
    if not status.is_active:
        _explain(connection, f"{_what(status)} {_PRESS}")


_HIDDEN = told("amoCRM does not show its hooks.")
_PRESS = told("In amoCRM open amoMarket → ⋯ → WebHooks, find our address, press “Enable” and save.")


def _what(status: HookStatus) -> str:
    if not status.registered:
        return told("The hook is not registered.")
    if status.disabled:
        return told("amoCRM has switched the hook off.")
    return f"{told('The hook does not tell of some events:')} {', '.join(status.missing_events)}."


def _explain(connection: AmoCRMConnection, text: str) -> None:
    connection.unless_reconnected().filter(state=ConnectionState.CONNECTED).update(
        webhook_active=False, webhook_detail=text.strip(), updated_at=timezone.now()
    )
