"""A run's lease: one worker at a time, until the run is over or a person stops it."""

from __future__ import annotations

from django.db.models.functions import Now

from integrations.drain.lease import LEASE_FOR
from integrations.lease import Lease, LeaseLost
from integrations.models import SyncRun


class Cancelled(Exception):
    """A person has stopped the run."""


class RunLease(Lease):
    @classmethod
    def of_run(cls, run_id: int) -> RunLease | None:
        """None while another worker has it, or the run is over."""
        return cls.take(SyncRun.objects.filter(pk=run_id, state=SyncRun.State.RUNNING), LEASE_FOR)

    def hold(self) -> None:
        """Renew.

        :raises Cancelled: the run was cancelled meanwhile.
        :raises LeaseLost: another worker has it.
        """
        if self.mine.filter(is_cancelled=False).update(lease_until=Now() + LEASE_FOR):
            return
        raise Cancelled if self.mine.exists() else LeaseLost
