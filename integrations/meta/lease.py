"""One worker per ad account at a time, without an open transaction. The lease lapses when its holder dies."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.drain.lease import LeaseLost
from integrations.models import MetaAdAccount
from leads.clock import is_over

# Longer than a page takes (connecting 5 s, an answer 25 s) a few times over: it is renewed after each span of days.
LEASE_FOR = timedelta(minutes=10)


def due_ad_accounts() -> QuerySet[MetaAdAccount]:
    """Those whose time has come and which nobody works on."""
    return _free().filter(is_active=True, next_pull_at__lte=Now())


class Lease:
    def __init__(self, ad_account_id: int, key: uuid.UUID) -> None:
        self._mine = MetaAdAccount.objects.filter(pk=ad_account_id, lease_key=key)

    @classmethod
    def take(cls, ad_account_id: int) -> Lease | None:
        """None while another worker has it."""
        key = uuid.uuid4()
        taken = _free().filter(pk=ad_account_id).update(lease_key=key, lease_until=Now() + LEASE_FOR)
        return cls(ad_account_id, key) if taken else None

    def hold(self) -> None:
        """Renew; within a transaction it fences what is written.

        :raises LeaseLost: another worker has taken over.
        """
        if not self._mine.update(lease_until=Now() + LEASE_FOR):
            raise LeaseLost

    def release(self) -> None:
        self._mine.update(lease_key=None, lease_until=None)


def _free() -> QuerySet[MetaAdAccount]:
    return MetaAdAccount.objects.filter(is_over("lease_until"))
