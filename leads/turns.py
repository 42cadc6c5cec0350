"""Work that is done for one account after the other: what fails for one is no reason to leave out those after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError, ProgrammingError

logger = structlog.get_logger(__name__)

# PostgreSQL's undefined_table and undefined_column; SQLite's are OperationalErrors.
_NO_SUCH = ("42P01", "42703")
# PostgreSQL's read_only_sql_transaction, idle_in_transaction_session_timeout and transaction_timeout.
_GOES_OVER = ("25006", "25P03", "25P04")
_CANCELED = "57014"
# PostgreSQL's foreign_key_violation and unique_violation, and the same of SQLite.
_OVERTAKEN = ("23503", "23505")
_OVERTAKEN_ON_SQLITE = (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE)


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
        return _sqlstate(error) in _NO_SUCH
    return is_out_of_reach(error)


def is_out_of_reach(error: BaseException | None) -> bool:
    """Away, locked, full, read-only, as a standby is that is about to take over, or tired of a process that stood still
    in a transaction: no mistake, and it goes over."""
    if isinstance(error, InternalError):
        return _sqlstate(error) in _GOES_OVER
    return isinstance(error, OperationalError | InterfaceError)


def is_cut_short(error: BaseException | None) -> bool:
    """The statement was cancelled, by us (`config.patience`), by a limit of the database's own or by its operator."""
    if not isinstance(error, OperationalError):
        return False
    sqlites: int | None = getattr(error.__cause__, "sqlite_errorcode", None)
    return _sqlstate(error) == _CANCELED or sqlites == sqlite3.SQLITE_INTERRUPT


def is_overtaken(error: BaseException | None) -> bool:
    """What was to be stored names a row that somebody has deleted since it was looked for, or is one that somebody has
    stored since."""
    if not isinstance(error, IntegrityError):
        return False
    sqlites: int | None = getattr(error.__cause__, "sqlite_errorcode", None)
    return _sqlstate(error) in _OVERTAKEN or sqlites in _OVERTAKEN_ON_SQLITE


def _sqlstate(error: Exception) -> str | None:
    found: str | None = getattr(error.__cause__, "sqlstate", None)
    return found
