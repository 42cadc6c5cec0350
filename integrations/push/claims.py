"""Whose push a row is at this moment: leases that lapse by themselves when their holder dies."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from integrations.models import AmoCRMConnection, ConnectionState, LeadPush
from leads.clock import is_over, seconds_until
from leads.models import PushState

BATCH = 40
# Longer than any one request can take: it is renewed before each.
LEASE_FOR = timedelta(seconds=60)


class ClaimLost(Exception):
    """Another worker has taken over."""


def waiting(account_id: uuid.UUID) -> QuerySet[LeadPush]:
    return LeadPush.objects.filter(user_account_id=account_id, state=PushState.PENDING)


def is_anyone_at_work(account_id: uuid.UUID) -> bool:
    """A worker with a claim looks for more after each batch, so nobody else has to."""
    return waiting(account_id).filter(lease_until__gte=Now()).exists()


class Claim:
    """Up to 40 due pushes of an account, ours alone. `rows` with their leads; those that are done leave it."""

    def __init__(self, account_id: uuid.UUID) -> None:
        self.key = uuid.uuid4()
        due = waiting(account_id).filter(is_over("next_attempt_at"), is_over("lease_until")).order_by("id")
        ids = list(due.values_list("pk", flat=True)[:BATCH])
        LeadPush.objects.filter(is_over("lease_until"), pk__in=ids, state=PushState.PENDING).update(
            lease_key=self.key, lease_until=Now() + LEASE_FOR
        )
        self.rows = list(self._mine().select_related("lead", "user_account").order_by("id")) if ids else []

    def _mine(self) -> QuerySet[LeadPush]:
        return LeadPush.objects.filter(lease_key=self.key, state=PushState.PENDING)

    def hold(self, rows: Collection[LeadPush], **values: object) -> None:
        """Renew, and write `values` onto these rows.

        :raises ClaimLost: some are no longer ours.
        """
        values = {"lease_until": Now() + LEASE_FOR, **values}
        if self._mine().filter(pk__in=[row.pk for row in rows]).update(**values) < len(rows):
            raise ClaimLost
        for row in rows:
            for name, value in values.items():
                setattr(row, name, value)

    def settled(self, rows: Collection[LeadPush]) -> set[int]:
        """The ids of those whose last request cannot be under way any more. By the database's clock, as the leases."""
        over = self._mine().filter(is_over("settles_at"), pk__in=[row.pk for row in rows])
        return set(over.values_list("pk", flat=True))

    def put_back(self, rows: Collection[LeadPush], **values: object) -> None:
        """Give rows up, still waiting."""
        ids = [row.pk for row in rows]
        self._mine().filter(pk__in=ids).update(lease_key=None, lease_until=None, **values)

    def release(self) -> None:
        self._mine().update(lease_key=None, lease_until=None)


def soonest(account_id: uuid.UUID) -> float | None:
    """In how many seconds the next push of the account is due; None when none waits that nobody is working on."""
    free = waiting(account_id).filter(is_over("lease_until")).order_by(F("next_attempt_at").asc(nulls_first=True))
    moments = list(free.values_list("next_attempt_at", flat=True)[:1])
    return seconds_until(moments[0]) if moments else None


def accounts_in_need() -> list[uuid.UUID]:
    """Accounts with due pushes that nobody is working on, and a connection that may be used now."""
    ready = AmoCRMConnection.objects.filter(is_over("next_attempt_at"), state=ConnectionState.CONNECTED)
    needy = LeadPush.objects.filter(
        is_over("next_attempt_at"),
        is_over("lease_until"),
        state=PushState.PENDING,
        user_account__in=ready.values("user_account"),
    )
    return list(needy.order_by("user_account_id").values_list("user_account_id", flat=True).distinct())
