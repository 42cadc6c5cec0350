"""How soon the backlog moves once amoCRM answers again, also when a ring was lost or a worker died."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
import requests
from django.conf import settings as configured
from django.db import connections
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from integrations.amocrm import caller
from integrations.amocrm.answers import retry_after_of
from integrations.connecting.health import connections_of_the_minute, look_after_hook
from integrations.drain import lease
from integrations.drain.drain import drain
from integrations.drain.lease import LEASE_FOR, take_lease
from integrations.drain.sweep import accounts_in_need
from integrations.models import AmoCRMConnection
from integrations.sync import runs, session
from integrations.sync.runner import work
from integrations.tests.sync_world import finish, sync
from integrations.tests.weather import KINDS, Weather, World, assert_over, world_of
from integrations.tests.world import deliver, drain_all, form, make_due, statuses
from leads.models import Lead, UserAccount
from sandbox import CLIENT_ID, CLIENT_SECRET, Server, seed_bulk

WITHIN = 60.0
SWEEP = float(configured.CELERY_BEAT_SCHEDULE["Wake the drains whose bell was not heard"]["schedule"])
LASTING = [kind for kind in KINDS if kind.name in ("429 in HTML", "403 block", "500", "port refused", "unpaid")]


@pytest.fixture
def world(connected: UserAccount, amocrm: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    monkeypatch.setattr(caller, "TRIES", 1)
    return world_of(connected, amocrm)


def told_of_a_deal(world: World) -> None:
    deal = world.demo.deals.create("deal", phone="+77011111111")
    deliver(world.account, form(**{"leads[add][0][id]": deal.id}))


def rings(world: World) -> list[float]:
    """After how many seconds a drain that is begun now wants to be woken again."""
    asked: list[float] = []
    drain(world.account.pk, ring_again=asked.append)
    return asked


@pytest.mark.parametrize("weather", LASTING, ids=lambda weather: weather.name)
def test_after_a_long_outage_the_backlog_moves_within_a_minute(world: World, weather: Weather) -> None:
    told_of_a_deal(world)
    weather.strike(world)
    AmoCRMConnection.objects.update(failures=200)
    [wait] = rings(world)
    due = world.connection.next_attempt_at
    assert due is not None
    assert (due - timezone.now()).total_seconds() == pytest.approx(wait, abs=2)
    # The worst moment to recover is right after an attempt; the worst luck is that the ring is lost too.
    assert wait <= WITHIN
    if weather.problem != "blocked":  # "one question a minute" leaves no room for a lost ring
        assert wait + SWEEP <= WITHIN
    assert rings(world)[0] <= wait, "who rings too early is told when it is time"
    assert accounts_in_need() == []
    weather.lift(world)
    assert accounts_in_need() == [world.account.pk], "the sweep alone would find it"
    drain_all(world.account)
    assert statuses(world.account) == ["success"]
    assert_over(world)


def test_the_waits_begin_at_a_second_grow_and_differ(world: World) -> None:
    told_of_a_deal(world)
    world.crm.faults.answer(500)
    waits: list[float] = []
    for _failure in range(12):
        waits += rings(world)
        world.pass_time()
    assert waits[0] <= 1.0
    assert all(after > before / 2.1 for before, after in pairwise(waits))
    assert max(waits) + SWEEP <= WITHIN
    longest = waits[6:]
    assert min(longest) > 10
    assert len({round(wait, 3) for wait in longest}) > 1, "jitter"


def test_a_dead_workers_backlog_moves_within_a_minute(world: World) -> None:
    assert LEASE_FOR.total_seconds() + SWEEP <= WITHIN
    told_of_a_deal(world)
    assert take_lease(world.connection.pk) is not None  # and dies
    assert accounts_in_need() == []
    assert rings(world) == []
    AmoCRMConnection.objects.update(lease_until=F("lease_until") - LEASE_FOR)
    assert accounts_in_need() == [world.account.pk]
    drain_all(world.account)
    assert statuses(world.account) == ["success"]


def test_a_reading_of_many_requests_keeps_its_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old = [world.demo.deals.create(f"old {n}", phone=f"+7701000000{n}", created_at=1000 + n) for n in range(5)]
    seed_bulk(world.demo, 600)
    for deal in old:
        deliver(world.account, form(**{"leads[add][0][id]": deal.id}))
    monkeypatch.setattr(lease, "LEASE_FOR", timedelta(seconds=2.5))
    world.crm.faults.latency(0.4)

    def work_it_off() -> None:
        drain_all(world.account)
        connections.close_all()

    thread = threading.Thread(target=work_it_off)
    thread.start()
    while world.connection.lease_until is None and thread.is_alive():
        pass
    stolen = []
    while thread.is_alive():
        stolen += [key for key in accounts_in_need() if world.connection.lease_key is not None]
        thread.join(0.05)
    assert stolen == []
    assert len(world.crm.requests) * 0.4 > 3
    assert set(statuses(world.account)) == {"success"}
    assert Lead.objects.count() == len(old)


def test_a_block_costs_one_question_a_minute_whoever_asks(world: World) -> None:
    world.demo.deals.create("deal", phone="+77011111111")
    told_of_a_deal(world)
    run = runs.start(world.account)
    world.crm.limits.block(world.demo.id, CLIENT_ID)
    drain_all(world.account)
    for _minute in range(3):
        world.pass_time()
        world.crm.journal.clear()
        for _ring in range(3):
            rings(world)
            work(run.pk, ring_again=lambda _seconds: None)
            look_after_hook(world.connection)
            make_due(world.account)  # whatever the row says, the bucket does not let them through
        assert {seen.path.partition("?")[0] for seen in world.crm.requests} == {"/api/v4/account"}
        assert len(world.crm.requests) == 1
    world.crm.limits.lift()
    world.pass_time()
    finish(run)
    assert_over(world)


def test_a_problem_that_nothing_waits_for_passes_too(world: World) -> None:
    run = runs.start(world.account)
    world.crm.faults.outage()
    work(run.pk, ring_again=lambda _seconds: None)
    runs.cancel(run)
    world.crm.faults.clear()
    assert world.status()["problem"]["code"] == "outage"
    now = timezone.now()
    assert connections_of_the_minute(now) == [], "it has to wait first"
    make_due(world.account)
    for minute in range(2):
        assert [one for one, _problem in connections_of_the_minute(now + timedelta(minutes=minute))] == [
            world.account.pk
        ]
    look_after_hook(world.connection)
    assert world.status()["problem"] is None


@pytest.mark.parametrize(("told", "understood"), [("0", None), ("-5", None), ("soon", None), ("2.5", 2.5)])
def test_a_retry_after_of_nothing_is_no_leave_to_ask_at_once(told: str, understood: float | None) -> None:
    answer = requests.Response()
    answer.headers["Retry-After"] = told
    answer._content = b"<html></html>"
    assert retry_after_of(answer) == understood


def test_turns_too_short_for_what_changed_still_come_to_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_bulk(world.demo, 300)
    sync(world.account)
    for deal in list(world.demo.deals.by_id.values()):
        world.demo.deals.set_price(deal.id, 777, silent=True)
    monkeypatch.setattr(session, "TURN_SECONDS", 0.0)
    run = sync(world.account)
    assert (run.state, run.total) == ("done", 300)
