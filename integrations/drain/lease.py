"""The drain's lease: one drain per connection at a time, without an open transaction.

A lease lapses by itself when its holder dies. The holder fences each of its transactions with `hold()`: a drain that
was slow enough to lose its lease cannot write any more.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db.models.functions import Now

from integrations.models import AmoCRMConnection
from leads.clock import is_over

# As long as the longest single request (connect 5 s + a deadline of 25 s): it is renewed before each.
LEASE_FOR = timedelta(seconds=30)


class LeaseLost(Exception):
    """Another drain has taken over. Whatever was not committed is its work now."""


class Lease:
    def __init__(self, connection_id: int, key: uuid.UUID) -> None:
        self._mine = AmoCRMConnection.objects.filter(pk=connection_id, lease_key=key)

    @classmethod
    def take(cls, connection_id: int) -> Lease | None:
        """The lease of this connection, None while another drain holds it. By the database's clock."""
        key = uuid.uuid4()
        free = AmoCRMConnection.objects.filter(is_over("lease_until"), pk=connection_id)
        taken = free.update(lease_key=key, lease_until=Now() + LEASE_FOR)
        return cls(connection_id, key) if taken else None

    def hold(self) -> None:
        """Renew. Inside a transaction this also keeps others from taking over before it ends.

        :raises LeaseLost: the lease lapsed and another drain has it.
        """
        if not self._mine.update(lease_until=Now() + LEASE_FOR):
            raise LeaseLost

    def release(self) -> None:
        self._mine.update(lease_key=None, lease_until=None)
