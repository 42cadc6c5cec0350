"""The tests' database, emptied after a test whose transactions were real ones."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

# What `migrate` itself writes, and no test changes.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def empty_after_tests() -> None:
    """Have the transactional tests leave the database by `empty`.

    Django's `flush` empties every table, the empty ones too, and writes all permissions anew: it took longer than most
    of the tests before it.
    """
    TransactionTestCase._fixture_teardown = _fixture_teardown  # type: ignore[attr-defined]


def _fixture_teardown(self: Any) -> None:
    for alias in self._databases_names(include_mirrors=False):
        empty(connections[alias])


def empty(connection: BaseDatabaseWrapper) -> None:
    """Delete all rows but `KEPT`, also those that triggers write about the deleted ones."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        while True:
            cursor.execute(_filled(connection.alias))
            tables = [table for (table,) in cursor.fetchall()]
            if not tables:
                return
            for table in tables:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


@cache
def _filled(alias: str) -> str:
    """The query for the names of the tables that have rows."""
    tables = sorted(set(connections[alias].introspection.django_table_names(include_views=False)) - KEPT)
    return " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in tables)
