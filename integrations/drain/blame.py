"""Whose fault it is when a reading fails: that of the news it was made for, or amoCRM's."""

from __future__ import annotations

from contextlib import suppress

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import ConditionError, Outage, RequestError
from integrations.models import AmoCRMConnection


def is_the_connections(error: Exception, connection: AmoCRMConnection, client: AmoCRMClient) -> bool:
    """A condition for which the backlog has to wait. An outage is one until a third reading in a row has met with it:
    then amoCRM is asked whether it answers others."""
    if not isinstance(error, Outage):
        return isinstance(error, ConditionError)
    return connection.failed_readings < 2 or not _answers_others(client)


def _answers_others(client: AmoCRMClient) -> bool:
    try:
        for path in ("leads", "contacts"):
            with suppress(RequestError):  # a refusal is an answer too
                client.first_page(path)
    except ConditionError:
        return False
    return True
