"""Views and triggers, brought into the database after migrations.

Not by a migration, because SQLite makes a table anew whenever one alters it, and forgets its triggers then. So they are
looked for after each `migrate`, and where they were missing the lines of before say nothing: they are made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate, pre_migrate

from analytics.models.rollups import RollupState
from analytics.rollups.folding import forget
from analytics.rollups.ledgers import LEDGERS, views
from analytics.rollups.triggers import triggers
from leads.models import UserAccount

_EXISTING = {
    "postgresql": "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE starts_with(tgname, 'rollup_')",
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, 7) = 'rollup_'",
}


def connect_signals(config: AppConfig) -> None:
    pre_migrate.connect(_before_migrations, sender=config)
    post_migrate.connect(_after_migrations, sender=config)


def _before_migrations(using: str, plan: list[Any], **_signal: object) -> None:
    connection = connections[using]
    # SQLite cannot alter a table that a view reads. Backwards, what the triggers write to may be about to go.
    if plan and (connection.vendor == "sqlite" or any(backwards for _migration, backwards in plan)):
        with transaction.atomic(using):
            uninstall(connection)


def _after_migrations(using: str, **_signal: object) -> None:
    connection = connections[using]
    if {ledger.table for ledger in LEDGERS} <= set(connection.introspection.table_names()):
        install(connection)


def install(connection: BaseDatabaseWrapper) -> None:
    """Make views and triggers, unless these very ones are there."""
    wanted = triggers(connection.vendor)
    if set(_existing(connection)) == {trigger.name for trigger in wanted}:
        return
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        uninstall(connection)
        for name, select in views(connection.vendor).items():
            cursor.execute(f"CREATE VIEW {name} AS {select}")
        _create_triggers(connection)
        forget(RollupState.objects.using(connection.alias).all())


def uninstall(connection: BaseDatabaseWrapper) -> None:
    """Take views and triggers away. What is written from then on is in no line, until `install` and `refresh`."""
    _drop_triggers(connection)
    with connection.cursor() as cursor:
        for name in views(connection.vendor):
            cursor.execute(f"DROP VIEW IF EXISTS {name}")


@contextmanager
def without_triggers(account: UserAccount) -> Iterator[None]:
    """Write much of one account at once. Its reports read the rows, until beat has its lines made anew.

    To be done in a transaction, before it has written any of these rows. Others write nothing unnoticed until it ends:
    SQLite has one writer, and PostgreSQL locks a table whose trigger goes.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    assert connection.in_atomic_block, "without a transaction, what others write meanwhile would be in no line"
    _drop_triggers(connection)
    yield
    _create_triggers(connection)
    forget(RollupState.objects.filter(user_account=account))


def _create_triggers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for trigger in triggers(connection.vendor):
            for statement in trigger.sql():
                cursor.execute(statement)


def _drop_triggers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, table in _existing(connection).items():
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER {name} ON {table}")
                cursor.execute(f"DROP FUNCTION {name}()")
            else:
                cursor.execute(f"DROP TRIGGER {name}")


def _existing(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Our triggers that are there, and on which table."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING[connection.vendor])
        return dict(cursor.fetchall())
