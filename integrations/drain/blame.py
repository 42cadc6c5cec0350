"""Whose fault a failure is: that of the news being applied, of the database that it is applied to, or of amoCRM."""

from __future__ import annotations

from contextlib import suppress

from django.db import InterfaceError, OperationalError, ProgrammingError

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import ConditionError, Outage, RequestError
from integrations.models import AmoCRMConnection

# PostgreSQL's undefined_table and undefined_column; SQLite's are OperationalErrors.
_NO_SUCH = ("42P01", "42703")


def is_the_databases(error: Exception) -> bool:
    """It is out of reach, or has not the tables of this code: a worker that was started before its migration must not
    end good deliveries as errors."""
    if isinstance(error, ProgrammingError):
        return getattr(error.__cause__, "sqlstate", None) in _NO_SUCH
    return isinstance(error, OperationalError | InterfaceError)


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
