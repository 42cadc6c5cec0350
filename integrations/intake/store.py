"""Storing deliveries: one INSERT for all that are at hand, committed before anyone says 200."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper
from django.dispatch import receiver
from psycopg import Cursor

from integrations.intake.signature import Sender

_VERSIONS = "SELECT id, hook_key_oldest, hook_key_version FROM user_accounts WHERE id IN ({})"
_INSERT = (
    "INSERT INTO webhook_logs (user_account_id, source, raw_body, content_type, request_id) VALUES {} RETURNING id"
)
_INSERT_GOOD = """
    WITH arrival AS MATERIALIZED (
        SELECT arrival.*
        FROM unnest(%b::uuid[], %b::int[], %b::text[], %b::bytea[], %b::text[], %b::text[])
            WITH ORDINALITY AS arrival (account_id, version, source, body, content_type, request_id, place)
        JOIN user_accounts ON id = account_id AND version BETWEEN hook_key_oldest AND hook_key_version
    ), stored AS (
        INSERT INTO webhook_logs (user_account_id, source, raw_body, content_type, request_id)
        SELECT account_id, source, body, content_type, request_id FROM arrival ORDER BY place RETURNING id
    )
    SELECT ARRAY(SELECT place FROM arrival ORDER BY place), ARRAY(SELECT id FROM stored ORDER BY id)
"""


class NotStored(Exception):
    """The database did not take the delivery; amoCRM must send it again."""


@dataclass(frozen=True, slots=True)
class Arrival:
    sender: Sender
    body: bytes
    content_type: str = ""
    request_id: str = ""


def store(arrivals: Sequence[Arrival]) -> list[int | None]:
    """All of them, or none. For each the new row's id, or None where its account or key version is no longer valid.

    :raises NotStored: the database is out of reach or refuses.
    """
    try:
        return _store(arrivals)
    except (DatabaseError, InterfaceError):
        # A kept connection may have died with a restarted database. One try on a fresh one; should the first have been
        # committed after all, the deliveries are there twice, which is one of the things that deliveries are.
        connection.close()
    try:
        return _store(arrivals, prepare=False)  # what was prepared may have been forgotten
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        # Its first line: further ones may quote what was to be stored.
        raise NotStored(str(error).partition("\n")[0]) from error


def _store(arrivals: Sequence[Arrival], *, prepare: bool = True) -> list[int | None]:
    if connection.vendor == "postgresql":
        return _store_at_once(arrivals, prepare=prepare)
    return _look_and_store(arrivals)


# By hand: what the ORM would add to these statements costs several times what they do.


def _store_at_once(arrivals: Sequence[Arrival], *, prepare: bool) -> list[int | None]:
    """By one statement that PostgreSQL knows already: to go there twice, and to plan it, would cost as much again."""
    rows = [
        (
            *(arrival.sender.account_id, arrival.sender.key_version, arrival.sender.hook.value, arrival.body),
            *(arrival.content_type[:200], arrival.request_id[:100]),
        )
        for arrival in arrivals
    ]
    connection.ensure_connection()
    columns = [list(values) for values in zip(*rows, strict=True)]
    driver = connection.connection
    is_shared = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")  # by a pooler, which forgets as well
    driver.prepare_threshold = 0 if prepare and not is_shared else None
    try:
        # By the driver's own cursor: Django's writes all values into the text of the statement, and so prepares none.
        with connection.wrap_database_errors, Cursor(driver) as cursor:
            ((places, ids),) = cursor.execute(_INSERT_GOOD, columns).fetchall()
    finally:
        driver.prepare_threshold = None  # it may go back to the pool, and whoever has it next tries nothing twice
    stored = dict(zip(places, ids, strict=True))
    return [stored.get(place) for place in range(1, len(arrivals) + 1)]


@receiver(connection_created)
def _note_file(connection: Any, **_signal: object) -> None:
    connection.opened_file = _file(connection)


def is_file_gone(connection: Any) -> bool:
    """Whether a SQLite file was deleted or replaced since it was opened: whoever has it open goes on writing into it,
    and nobody will ever read that."""
    opened = getattr(connection, "opened_file", None)
    return opened is not None and connection.connection is not None and _file(connection) != opened


def _file(connection: Any) -> tuple[int, int] | None:
    """Which file stands at the database's path; None for none, and where it is no file of ours."""
    if connection.vendor != "sqlite":
        return None
    try:
        found = Path(connection.settings_dict["NAME"]).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _look_and_store(arrivals: Sequence[Arrival]) -> list[int | None]:
    if is_file_gone(connection):
        raise OperationalError("the database's file was deleted or replaced")
    with connection.cursor() as cursor:
        versions = _good_versions(cursor, {arrival.sender.account_id for arrival in arrivals})
        is_good = [arrival.sender.key_version in versions.get(arrival.sender.account_id, ()) for arrival in arrivals]
        ids = iter(_insert(cursor, list(compress(arrivals, is_good))))
    return [next(ids) if good else None for good in is_good]


def _good_versions(cursor: CursorWrapper, account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, range]:
    """The key versions with which each of these accounts may be addressed."""
    keys = {account_id.hex: account_id for account_id in account_ids}  # as SQLite holds them
    cursor.execute(_VERSIONS.format(", ".join(["%s"] * len(keys))), list(keys))
    return {keys[key]: range(oldest, newest + 1) for key, oldest, newest in cursor.fetchall()}


def _insert(cursor: CursorWrapper, arrivals: Sequence[Arrival]) -> list[int]:
    """The new ids, in the order of `arrivals`."""
    if not arrivals:
        return []
    rows = [
        (
            *(arrival.sender.account_id.hex, arrival.sender.hook.value, arrival.body),
            *(arrival.content_type[:200], arrival.request_id[:100]),
        )
        for arrival in arrivals
    ]
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
    cursor.execute(_INSERT.format(values), [value for row in rows for value in row])
    return [delivery_id for (delivery_id,) in cursor.fetchall()]
