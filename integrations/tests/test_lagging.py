"""amoCRM's API shows a change a moment after its hook has told of it: what becomes of the money in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Unpack

import pytest
from celery.signals import before_task_publish
from django.utils import timezone

from analytics.models import Sale
from integrations.drain import lagging
from integrations.drain.drain import drain
from integrations.intake.doorbell import DRAIN
from integrations.models import SaleNotification, SyncDue, WebhookLog
from integrations.sync import runs
from integrations.tests.sync_world import finish, sync
from integrations.tests.world import deliver, drain_all, form, statuses, take_over
from leads.models import Lead, UserAccount
from sandbox import Server
from sandbox.crm.deals import DealChanges
from sandbox.crm.models import Deal

SLOWER = 15


@pytest.fixture(autouse=True)
def slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """All moments are so many times longer, so that a crowded machine lets none of them pass by itself."""
    for name in ("LOOK_AGAIN", "WAIT_AT_MOST"):
        monkeypatch.setattr(lagging, name, SLOWER * getattr(lagging, name))


@pytest.fixture
def deal(connected: UserAccount, told: Server) -> Deal:
    """Known here, and open."""
    made = told.crm.demo.deals.create("Имплант", price=500, phone="+77011234567", created_at=told.crm.clock.now() - 100)
    take_over(connected, told)
    drain_all(connected)
    return made


def told_too_early(
    account: UserAccount, server: Server, deal: Deal, **change: Unpack[DealChanges]
) -> Callable[[], object]:
    """Hooks tell of a change that the API does not show yet. Returns what makes it do so."""
    deals, at = server.crm.demo.deals, server.crm.clock.now() - 1
    shown_at, before = deal.updated_at, DealChanges(status_id=deal.status_id, price=deal.price)
    deals.change(deal.id, at=at, **change)
    take_over(account, server)
    deals.change(deal.id, at=shown_at, silent=True, **before)
    return lambda: deals.change(deal.id, at=at, silent=True, **change)


def look_again(account: UserAccount) -> None:
    """The second has passed."""
    waiting = WebhookLog.objects.filter(user_account=account, next_attempt_at__isnull=False)
    waiting.update(next_attempt_at=timezone.now())
    drain_all(account)


def test_a_win_that_the_api_shows_a_moment_later_is_a_sale_and_told(
    connected: UserAccount, told: Server, deal: Deal
) -> None:
    show = told_too_early(connected, told, deal, status_id=142)
    other = deliver(connected, form(**{"leads[add][0][id]": told.crm.demo.deals.create("other", silent=True).id}))
    deliver(UserAccount.objects.create(name="Beta"), form(**{"leads[add][0][id]": 1}))
    drain_all(connected)
    told_of_it = list(WebhookLog.objects.filter(next_attempt_at__isnull=False, attempts=0))
    assert len(told_of_it) == 2, "of the stage, and of the change"
    assert statuses(connected).count("received") == 2
    assert not Sale.objects.exists()
    assert WebhookLog.objects.get(pk=other).processing_status == "success", "nobody else waits for it"
    show()
    look_again(connected)
    assert set(statuses(connected)) == {"success"}
    assert Sale.objects.get().status == "paid"
    assert SaleNotification.objects.get().delivery_id in {log.pk for log in told_of_it}
    assert not WebhookLog.objects.exclude(error_message="").exists(), "it was shown"


def test_the_drain_asks_to_be_woken_when_the_api_may_have_caught_up(
    connected: UserAccount, told: Server, deal: Deal
) -> None:
    told_too_early(connected, told, deal, status_id=142)
    rings: list[float] = []
    drain(connected.pk, ring_again=rings.append)
    assert len(rings) == 1
    assert 0 < rings[0] <= SLOWER


def test_so_does_a_sync_that_works_the_backlog_off_first(connected: UserAccount, told: Server, deal: Deal) -> None:
    run = runs.start(connected)
    told_too_early(connected, told, deal, status_id=142)
    rung: list[str] = []

    def note(body: Any, headers: dict[str, str], **_signal: object) -> None:
        rung.extend(body[0] if headers["task"] == DRAIN else ())

    before_task_publish.connect(note)
    try:
        finish(run)
    finally:
        before_task_publish.disconnect(note)
    assert "received" in statuses(connected)
    assert str(connected.pk) in rung, "else only the sweep would find it, later than in five seconds"


@pytest.mark.parametrize(
    ("change", "status", "amount"),
    [({"status_id": 143}, "cancelled", 500), ({"price": 900}, "paid", 900)],
    ids=["undone", "at another price"],
)
def test_a_win_that_changes_is_waited_for_too(
    connected: UserAccount, told: Server, deal: Deal, change: DealChanges, status: str, amount: int
) -> None:
    told.crm.demo.deals.win(deal.id, at=deal.updated_at + 5)
    take_over(connected, told)
    drain_all(connected)
    show = told_too_early(connected, told, deal, **change)
    drain_all(connected)
    assert "received" in statuses(connected)
    show()
    look_again(connected)
    sale = Sale.objects.get()
    assert (sale.status, sale.amount) == (status, Decimal(amount))


def test_what_the_api_never_shows_is_waited_for_a_few_seconds_and_left_to_a_sync(
    connected: UserAccount, told: Server, deal: Deal
) -> None:
    SyncDue.objects.all().delete()
    told_too_early(connected, told, deal, status_id=142)
    for _look in range(2):
        drain_all(connected)  # its delivery came a minute ago
        look_again(connected)
    log = WebhookLog.objects.order_by("-id")[0]
    assert (log.processing_status, log.attempts) == ("success", 1)
    assert "does not show yet" in log.error_message
    assert not Sale.objects.exists()
    assert SyncDue.objects.get().due_at <= timezone.now()


def test_a_young_delivery_is_looked_at_each_second_and_is_done_within_five(
    connected: UserAccount, told: Server, deal: Deal
) -> None:
    told_too_early(connected, told, deal, status_id=142)
    now = timezone.now()
    found: list[str] = []
    for seconds in (1, 4):
        WebhookLog.objects.filter(processing_status="received").update(
            received_at=now - SLOWER * timedelta(seconds=seconds), next_attempt_at=now - timedelta(seconds=0.1)
        )
        drain(connected.pk, ring_again=lambda _seconds: None)
        found.append(statuses(connected)[-1])
    assert found == ["received", "success"]


def test_a_win_shown_after_all_is_a_sale_by_the_sync(connected: UserAccount, told: Server, deal: Deal) -> None:
    sync(connected)
    show = told_too_early(connected, told, deal, status_id=142)
    drain_all(connected)
    look_again(connected)
    show()
    sync(connected)
    assert Sale.objects.get().status == "paid"


def test_what_agrees_about_money_waits_for_nothing(connected: UserAccount, told: Server, deal: Deal) -> None:
    """A hook of a clock that is ahead, or of a change that costs nothing."""
    main = told.crm.demo.pipelines.main
    told_too_early(connected, told, deal, status_id=main.stages[3].id)
    drain_all(connected)
    told.crm.demo.deals.win(deal.id)
    won = {"id": deal.id, "status_id": 142, "pipeline_id": main.id, "price": 500, "updated_at": deal.updated_at + 3600}
    deliver(connected, form(**{f"leads[status][0][{name}]": value for name, value in won.items()}))
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}
    assert Sale.objects.get().status == "paid"
    assert Lead.objects.get().current_status_id == 142


def work(account: UserAccount) -> None:
    """As a worker does a moment after the deliveries, the second of waiting over."""
    WebhookLog.objects.filter(processing_status="received").update(
        received_at=timezone.now() - SLOWER * timedelta(seconds=1), next_attempt_at=None
    )
    drain(account.pk, ring_again=lambda _seconds: None)


@pytest.mark.parametrize("status", [142, 143])
def test_a_win_told_without_a_time_is_waited_for_a_moment(
    connected: UserAccount, told: Server, deal: Deal, status: int
) -> None:
    deals = told.crm.demo.deals
    if status == 143:
        deals.win(deal.id, at=deal.updated_at + 5)
        take_over(connected, told)
        drain_all(connected)
    ids = {"id": deal.id, "status_id": status, "pipeline_id": deal.pipeline_id}
    deliver(connected, form(**{f"leads[status][0][{key}]": value for key, value in ids.items()}))
    work(connected)
    assert statuses(connected)[-1] == "received"
    deals.change(deal.id, status_id=status, at=deal.updated_at + 5, silent=True)
    work(connected)
    assert statuses(connected)[-1] == "success"
    assert Sale.objects.get().status == ("paid" if status == 142 else "cancelled")
    assert SaleNotification.objects.exists()


@pytest.mark.parametrize("read_as", [200, 204])
@pytest.mark.parametrize("is_won", [False, True])
def test_a_deletion_and_its_undoing_are_waited_for_a_moment(
    connected: UserAccount, told: Server, deal: Deal, read_as: int, is_won: bool
) -> None:
    told.crm.switches.deleted_lead_read = read_as
    deals = told.crm.demo.deals
    if is_won:
        deals.win(deal.id, at=deal.updated_at + 5)
        take_over(connected, told)
        drain_all(connected)
    for change, undo, is_deleted in ((deals.delete, deals.restore, True), (deals.restore, deals.delete, False)):
        change(deal.id)
        take_over(connected, told)
        undo(deal.id, silent=True)
        work(connected)
        assert statuses(connected)[-1] == "received"
        change(deal.id, silent=True)
        work(connected)
        assert statuses(connected)[-1] == "success"
        assert Lead.objects.get().is_deleted is is_deleted
        sales = ["cancelled" if is_deleted else "paid"] if is_won else []
        assert [sale.status for sale in Sale.objects.all()] == sales


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_machine_whose_clock_is_wrong_waits_for_it_all_the_same(
    connected: UserAccount, told: Server, deal: Deal, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    ids = {"id": deal.id, "status_id": 142, "pipeline_id": deal.pipeline_id}
    deliver(connected, form(**{f"leads[status][0][{key}]": value for key, value in ids.items()}))
    now = timezone.now
    rings: list[float] = []
    with monkeypatch.context() as there:
        there.setattr(timezone, "now", lambda: now() + SLOWER * timedelta(seconds=seconds))
        drain(connected.pk, ring_again=rings.append)
    assert statuses(connected)[-1] == "received"
    assert 0 < rings[0] <= SLOWER
    again_at = WebhookLog.objects.order_by("-id")[0].next_attempt_at
    assert again_at is not None
    assert abs(again_at - now()) < SLOWER * timedelta(seconds=3)


@pytest.mark.parametrize("is_deletion", [False, True])
def test_what_is_told_without_a_time_and_never_shown_says_so_and_is_left_to_a_sync(
    connected: UserAccount, told: Server, deal: Deal, is_deletion: bool
) -> None:
    if is_deletion:
        told.crm.demo.deals.win(deal.id, at=deal.updated_at + 5)
        take_over(connected, told)
        drain_all(connected)
        deliver(connected, form(**{"leads[delete][0][id]": deal.id}))
    else:
        ids = {"id": deal.id, "status_id": 142, "pipeline_id": deal.pipeline_id}
        deliver(connected, form(**{f"leads[status][0][{key}]": value for key, value in ids.items()}))
    SyncDue.objects.all().delete()
    for seconds in (1, 4):
        now = timezone.now()
        WebhookLog.objects.filter(processing_status="received", next_attempt_at__isnull=False).update(
            next_attempt_at=now - timedelta(seconds=0.1)
        )
        received_at = now - SLOWER * timedelta(seconds=seconds)
        WebhookLog.objects.filter(processing_status="received").update(received_at=received_at)
        drain(connected.pk, ring_again=lambda _seconds: None)
    log = WebhookLog.objects.order_by("-id")[0]
    assert log.processing_status == "success"
    assert "does not show yet" in log.error_message
    assert SyncDue.objects.get().due_at <= timezone.now()


def test_what_is_told_late_and_without_a_time_is_not_waited_for(
    connected: UserAccount, told: Server, deal: Deal
) -> None:
    told.crm.demo.deals.win(deal.id, at=deal.updated_at + 5)
    take_over(connected, told)
    deliver(connected, form(**{"leads[status][0][id]": deal.id, "leads[status][0][status_id]": deal.status_id - 1}))
    deliver(connected, form(**{"leads[delete][0][id]": deal.id}))
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}
    assert Sale.objects.get().status == "paid"
