"""Work that is done for one account after the other: what fails for one is no reason to leave out those after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import InterfaceError, OperationalError, ProgrammingError

logger = structlog.get_logger(__name__)

# PostgreSQL's undefined_table and undefined_column; SQLite's are OperationalErrors.
_NO_SUCH = ("42P01", "42703")


@contextmanager
def turn_of(account_id: object, work: str) -> Iterator[None]:
    """Around an account's turn. Whatever fails in it is logged, except what would fail for everybody."""
    try:
        yield
    except Exception as error:
        if is_the_databases(error):
            raise
        logger.exception("turn_failed", account=str(account_id), work=work)


def is_the_databases(error: Exception) -> bool:
    """It is out of reach, or has not the tables of this code: a worker that was started before its migration must not
    end good deliveries as errors."""
    if isinstance(error, ProgrammingError):
        return getattr(error.__cause__, "sqlstate", None) in _NO_SUCH
    return isinstance(error, OperationalError | InterfaceError)
