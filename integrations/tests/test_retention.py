"""Deliveries are removed when their account has kept them long enough, and the intake does not notice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations import ending, retention
from integrations.intake.store import NotStored
from integrations.models import DeliveryRemoval, ProcessingStatus, RetentionSettings, WebhookLog
from integrations.models.retention import removed_on
from integrations.retention import BATCH, prune
from integrations.tests import admin_world
from integrations.tests.world import deliver
from leads.models import UserAccount

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def keep(account: UserAccount, status: str, days: float, count: int = 1) -> list[int]:
    """Deliveries that came so many days ago. Their ids."""
    rows = [
        WebhookLog(
            user_account=account,
            source="amocrm",
            raw_body=b"a=1",
            processing_status=status,
            received_at=NOW - timedelta(days=days),
        )
        for _number in range(count)
    ]
    return [row.pk for row in WebhookLog.objects.bulk_create(rows)]


def left() -> list[tuple[str, int]]:
    rows = WebhookLog.objects.order_by("pk").values_list("processing_status", "received_at")
    return [(status, (NOW - at).days) for status, at in rows]


@pytest.fixture
def alfa() -> UserAccount:
    return UserAccount.objects.create(name="Alfa")


def test_each_status_has_its_days(alfa: UserAccount) -> None:
    for days in (200, 100, 20, 1):
        for status in ProcessingStatus.values:
            keep(alfa, status, days)
    removed = prune(NOW)
    assert left() == [
        *[("received", 200)],
        *[(status, 100) for status in ("received", "partial", "error")],
        *[(status, 20) for status in ("received", "success", "partial", "error")],
        *[(status, 1) for status in ("received", "success", "ignored", "partial", "error")],
    ]
    assert removed == 20 - len(left())


def test_an_account_decides_for_itself(alfa: UserAccount) -> None:
    bravo = UserAccount.objects.create(name="Bravo")
    RetentionSettings.objects.create(user_account=alfa, success_days=5, error_days=None)
    for account in (alfa, bravo):
        keep(account, "success", 10)
        keep(account, "error", 1000)
    prune(NOW)
    assert list(WebhookLog.objects.values_list("user_account__name", "processing_status")) == [
        ("Bravo", "success"),
        ("Alfa", "error"),
    ]


def test_more_than_one_batch_goes_and_time_is_a_bound(alfa: UserAccount) -> None:
    keep(alfa, "success", 100, count=2 * BATCH + 7)
    assert prune(NOW, seconds=0) == 0
    assert prune(NOW) == 2 * BATCH + 7
    removal = DeliveryRemoval.objects.get()
    assert (removal.deliveries, removal.day) == (2 * BATCH + 7, NOW.date())


def test_an_account_with_much_to_remove_keeps_no_other_from_its_turn(
    alfa: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    bravo = UserAccount.objects.create(name="Bravo")
    for account in (alfa, bravo):
        keep(account, "success", 100, count=3 * BATCH)
        keep(account, "error", 1000)
    turns = 2 * len(RetentionSettings().days())
    clock = iter(range(10_000))  # each turn takes a second
    for module in (retention, ending):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    prune(NOW, seconds=turns + 1)
    gone = DeliveryRemoval.objects.values_list("user_account__name", "processing_status", "deliveries")
    assert set(gone) == {(name, *what) for name in ("Alfa", "Bravo") for what in (("success", BATCH), ("error", 1))}


def test_the_day_of_a_removal_is_remembered(alfa: UserAccount) -> None:
    (first,) = keep(alfa, "success", 100)
    (second,) = keep(alfa, "success", 95)
    prune(NOW - timedelta(days=7))
    prune(NOW)
    assert removed_on([alfa.pk], first) == (NOW - timedelta(days=7)).date()
    assert removed_on(None, second) == NOW.date()
    assert removed_on([alfa.pk], second + 1) is None
    assert removed_on([], first) is None


def test_the_days_of_two_removals_at_once_are_both_remembered(
    alfa: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = keep(alfa, "success", 100)
    known = DeliveryRemoval.objects.get_or_create

    def remove_elsewhere(**values: Any) -> Any:
        found = known(**values)
        DeliveryRemoval.objects.update(last_id=first + 500)
        return found

    monkeypatch.setattr(DeliveryRemoval.objects, "get_or_create", remove_elsewhere)
    prune(NOW)
    assert removed_on(None, first) == removed_on(None, first + 500) == NOW.date()


def test_history_says_when_its_delivery_was_removed() -> None:
    world = admin_world.build()
    delivery: WebhookLog = world.rows[WebhookLog]
    WebhookLog.objects.update(received_at=NOW - timedelta(days=400))
    prune(NOW)
    address = reverse("admin:integrations_webhooklog_change", args=[delivery.pk])
    answer = world.client("vera").get(address, follow=True)
    assert answer.status_code == 200
    assert f"Delivery #{delivery.pk} was removed on June 1, 2026" in answer.content.decode()
    assert "was removed" not in world.client("bob").get(address, follow=True).content.decode()
    page = world.client("vera").get(reverse("page-delivery", args=[delivery.pk]), follow=True)
    assert "was removed on" in page.content.decode()
    for name in ("leads_leadstatushistory", "leads_lead"):
        assert world.client("vera").get(reverse(f"admin:{name}_changelist")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_intake_goes_on_while_deliveries_are_removed() -> None:
    alfa = UserAccount.objects.create(name="Alfa")
    keep(alfa, "success", 100, count=4 * BATCH)
    refused: list[NotStored] = []
    stored: list[int] = []
    is_pruned = threading.Event()

    def take_in() -> None:
        try:
            while not is_pruned.is_set() or len(stored) < 50:
                stored.append(deliver(alfa, "leads[add][0][id]=1"))
        except NotStored as error:
            refused.append(error)
        finally:
            connection.close()

    intake = threading.Thread(target=take_in)
    intake.start()
    try:
        removed = prune(timezone.now())
    finally:
        is_pruned.set()
        intake.join()
    assert refused == []
    assert removed == 4 * BATCH
    assert set(WebhookLog.objects.values_list("pk", flat=True)) == set(stored)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads no partial index by a parameter")
@pytest.mark.parametrize("status", ["ignored", "partial", "error"])
def test_the_oldest_that_was_not_applied_is_not_looked_for_among_what_was(alfa: UserAccount, status: str) -> None:
    """What was applied since, by any account, was read through every quarter of an hour."""
    keep(alfa, status, days=10)
    keep(alfa, "success", days=9, count=1_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhook_logs")
    with CaptureQueriesContext(connection) as captured:
        prune(NOW)
    looks = [query["sql"] for query in captured if "SKIP LOCKED" in query["sql"] and f"'{status}'" in query["sql"]]
    assert looks
    with connection.cursor() as cursor:
        for look in looks:
            cursor.execute(f"EXPLAIN {look}")
            assert "webhook_logs_not_applied" in "\n".join(line for (line,) in cursor.fetchall())
