"""PgBouncer and its like: whether one stands between us and PostgreSQL, and what is left out then.

A pooler may give each transaction another connection to the server (PgBouncer's `pool_mode = transaction`). What
PostgreSQL keeps for a connection beyond that is then lost, or met by somebody else: cursors that a statement after the
next one reads on from, and prepared statements. How a pooler shares cannot be asked, so any does without them.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created
from django.dispatch import receiver

# The one setting that Django has for it: a query's rows are read at once then. The intake heeds it, too.
SHARED = "DISABLE_SERVER_SIDE_CURSORS"


def is_between(connection: Any) -> bool:
    """Whether a pooler greeted us: it cannot know which of the server's processes will serve a statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    return bool(connection.connection.info.backend_pid != process)


@receiver(connection_created)
def _look(connection: Any, **_signal: object) -> None:
    """Once in a process, whose threads' connections have their settings in common."""
    if connection.vendor == "postgresql" and connection.alias not in _looked:
        connection.settings_dict[SHARED] = connection.settings_dict.get(SHARED) or is_between(connection)
        _looked.add(connection.alias)


_looked: set[str] = set()
