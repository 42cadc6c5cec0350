"""The tests' database: migrated once for all processes, emptied after a test whose transactions were real ones."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

# What `migrate` itself writes, and no test changes.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}

OTHERS_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Copy:
    """A process's own copy of the test database. Migrating takes seconds of CPU, so the first process does it for all.

    :param folder: what the processes of a run share.
    :param name: of the process.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._migrated = folder, folder / "migrated"
        self._product, self._creation = str(connection.settings_dict["NAME"]), connection.creation
        with self._alone():
            self._is_first = not self._migrated.exists()
            if self._is_first:
                made = self._creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
                connection.close()  # SQLite's file is whole only then
                self._migrated.write_text(made)
            self._source = connection.settings_dict["NAME"] = self._migrated.read_text()
            self._creation.clone_test_db(name, verbosity=0)
        connection.settings_dict["NAME"] = self._creation.get_test_db_clone_settings(name)["NAME"]

    def remove(self) -> None:
        if connection.vendor == "postgresql":  # which drops no database that somebody still speaks to
            with connection.cursor() as cursor:
                cursor.execute(OTHERS_END)
        self._creation.destroy_test_db(self._source, verbosity=0)
        if self._is_first:
            with self._alone():
                self._migrated.unlink()  # whoever begins after this migrates anew
                self._creation.destroy_test_db(self._product, verbosity=0)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / "database.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


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
