"""Leases: one worker at a time on a row, without an open transaction.

A lease lapses by itself when its holder dies. The holder fences each of its transactions with `hold()`: one that was
slow enough to lose its lease cannot write any more. The rows have the columns `lease_key` and `lease_until`.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from django.db.models import QuerySet
from django.db.models.functions import Now

from leads.clock import is_over


class LeaseLost(Exception):
    """Another worker has taken over. Whatever was not committed is its work now."""


class Lease:
    """`mine`: the row, as a query that finds nothing once it is another's."""

    def __init__(self, mine: QuerySet[Any], lasts: timedelta) -> None:
        self.mine = mine
        self._lasts = lasts

    @classmethod
    def take(cls, row: QuerySet[Any], lasts: timedelta) -> Self | None:
        """The lease of this row; None while another worker holds it. By the database's clock."""
        key = uuid.uuid4()
        taken = row.filter(is_over("lease_until")).update(lease_key=key, lease_until=Now() + lasts)
        return cls(row.filter(lease_key=key), lasts) if taken else None

    def hold(self) -> None:
        """Renew. Inside a transaction this also keeps others from taking over before it ends.

        :raises LeaseLost: the lease lapsed and another worker has it.
        """
        if not self.mine.update(lease_until=Now() + self._lasts):
            raise LeaseLost

    def release(self) -> None:
        self.mine.update(lease_key=None, lease_until=None)
