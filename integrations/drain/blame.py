"""Whose fault a failure is: that of the news being applied, or of the database that it is applied to."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, ProgrammingError

# PostgreSQL's undefined_table and undefined_column; SQLite's are OperationalErrors.
_NO_SUCH = ("42P01", "42703")


def is_the_databases(error: Exception) -> bool:
    """It is out of reach, or has not the tables of this code: a worker that was started before its migration must not
    end good deliveries as errors."""
    if isinstance(error, ProgrammingError):
        return getattr(error.__cause__, "sqlstate", None) in _NO_SUCH
    return isinstance(error, OperationalError | InterfaceError)
