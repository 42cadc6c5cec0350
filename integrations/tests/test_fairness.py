"""A bulk lets the lone deliveries of others go first."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.drain.fairness import others_wait
from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, WebhookLog
from integrations.tests.world import drain_all, statuses
from leads.models import UserAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(connected: UserAccount) -> AmoCRMConnection:
    """Another account's connection, which nobody is at work for."""
    account = UserAccount.objects.create(name="Other")
    return AmoCRMConnection.objects.create(
        user_account=account, state=ConnectionState.CONNECTED, host="other.amocrm.ru", access_token="x"
    )


def arrived(account: UserAccount, seconds_ago: float, *, count: int = 1, **values: Any) -> None:
    """Deliveries that speak of nothing."""
    at = timezone.now() - timedelta(seconds=seconds_ago)
    WebhookLog.objects.bulk_create(
        WebhookLog(user_account=account, source="amocrm", raw_body=b"a=1", received_at=at, **values)
        for _ in range(count)
    )


def test_a_delivery_of_another_account_waits_for_a_worker(connected: UserAccount, other: AmoCRMConnection) -> None:
    arrived(other.user_account, seconds_ago=2)
    assert others_wait(connected.pk)
    assert not others_wait(other.user_account.pk)


@pytest.mark.parametrize(
    ("seconds_ago", "delivery", "connection"),
    [
        (-10, {}, {}),  # as if it came in ten seconds: a starved machine may be late in asking
        (60, {}, {}),
        (2, {"attempts": 1}, {}),
        (2, {"processing_status": ProcessingStatus.SUCCESS}, {}),
        (2, {}, {"lease_until": timedelta(seconds=20)}),
        (2, {}, {"next_attempt_at": timedelta(seconds=20)}),
        (2, {}, {"state": ConnectionState.RECONNECT_NEEDED}),
        (2, {}, {"state": ConnectionState.DISCONNECTED}),
    ],
    ids=["just came", "stuck", "tried", "applied", "worked on", "amoCRM is out of reach", "reconnect", "disconnected"],
)
def test_nobody_rests_for_what_waits_for_something_else(
    connected: UserAccount,
    other: AmoCRMConnection,
    seconds_ago: float,
    delivery: dict[str, Any],
    connection: dict[str, Any],
) -> None:
    arrived(other.user_account, seconds_ago, **delivery)
    later = {name: timezone.now() + value for name, value in connection.items() if isinstance(value, timedelta)}
    AmoCRMConnection.objects.filter(pk=other.pk).update(**connection | later)
    assert not others_wait(connected.pk)


def test_a_bulk_rests_between_batches_but_not_for_ever(connected: UserAccount, other: AmoCRMConnection) -> None:
    arrived(other.user_account, seconds_ago=5)
    arrived(connected, seconds_ago=5, count=251)
    began = time.monotonic()
    drain_all(connected)
    assert time.monotonic() - began >= 4
    assert set(statuses(connected)) == {"ignored"}
