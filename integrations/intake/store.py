"""Storing a delivery: one statement, committed before anyone says 200."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, connection

from integrations.models import Hook
from leads.models import UserAccount

# The account and the key version are checked by the same statement that stores: no row, no such account or version.
_INSERT = """
    INSERT INTO webhook_logs (user_account_id, source, raw_body, content_type, request_id)
    SELECT id, %s, %s, %s, %s FROM user_accounts
    WHERE id = %s AND %s BETWEEN hook_key_oldest AND hook_key_version
    RETURNING id
"""


class NotStored(Exception):
    """The database did not take the delivery; amoCRM must send it again."""


@dataclass(frozen=True, slots=True)
class Arrival:
    account_id: uuid.UUID
    hook: Hook
    key_version: int
    body: bytes
    content_type: str
    request_id: str


def store(arrival: Arrival) -> int | None:
    """The new row's id, or None where the account or the key version is not (or no longer) valid.

    :raises NotStored: the database is out of reach or refuses.
    """
    try:
        return _insert(arrival)
    except (DatabaseError, InterfaceError):
        # A kept connection may have died with a restarted database. One try on a fresh one; should the first have been
        # committed after all, the delivery is there twice, which is one of the things that deliveries are.
        connection.close()
    try:
        return _insert(arrival)
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        raise NotStored(type(error).__name__) from error


def _insert(arrival: Arrival) -> int | None:
    account_key = UserAccount._meta.pk.get_db_prep_value(arrival.account_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            [
                arrival.hook.value,
                arrival.body,
                arrival.content_type[:200],
                arrival.request_id[:100],
                account_key,
                arrival.key_version,
            ],
        )
        row = cursor.fetchone()
    return row[0] if row else None
