"""A run's lease: one worker at a time, without an open transaction. It lapses by itself when its holder dies."""

from __future__ import annotations

import uuid

from django.db.models.functions import Now

from integrations.drain.lease import LEASE_FOR, LeaseLost
from integrations.models import SyncRun
from leads.clock import is_over


class Cancelled(Exception):
    """A person has stopped the run."""


class RunLease:
    """Held by whoever works on the run; each of its transactions begins with `hold()`.

    `mine`: the run, as a query that finds nothing once it is over or another's.
    """

    def __init__(self, run_id: int, key: uuid.UUID) -> None:
        self.mine = SyncRun.objects.filter(pk=run_id, lease_key=key, state=SyncRun.State.RUNNING)

    @classmethod
    def take(cls, run_id: int) -> RunLease | None:
        """None while another worker has it, or the run is over."""
        key = uuid.uuid4()
        running = SyncRun.objects.filter(is_over("lease_until"), pk=run_id, state=SyncRun.State.RUNNING)
        return cls(run_id, key) if running.update(lease_key=key, lease_until=Now() + LEASE_FOR) else None

    def hold(self) -> None:
        """Renew.

        :raises Cancelled: the run was cancelled meanwhile.
        :raises LeaseLost: another worker has it.
        """
        if self.mine.filter(is_cancelled=False).update(lease_until=Now() + LEASE_FOR):
            return
        raise Cancelled if self.mine.exists() else LeaseLost

    def release(self) -> None:
        self.mine.update(lease_key=None, lease_until=None)
