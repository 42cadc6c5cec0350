"""The fault matrix: each kind of bad weather while hooks are drained, during a first sync and during a later one.

In each cell: nothing is lost, the status says what is wrong, nothing has its effect twice, and once the weather is
over everything is applied and the problem is gone.
"""

from __future__ import annotations

import pytest
from pytest_django import Settings

from analytics.models import Sale
from integrations import http
from integrations.amocrm import caller
from integrations.models import SyncRun, WebhookLog
from integrations.sync import runs, scanning, session
from integrations.sync.runner import work
from integrations.tests.sync_world import finish, gaps, our_history, sync, their_history
from integrations.tests.weather import KINDS, Weather, World, assert_over, assert_shown, world_of
from integrations.tests.world import EVENTS, NOWHERE, bodies, deliver, drain_all, ours, statuses, truth
from leads.models import UserAccount
from leads.tests.world import response, whole_state
from sandbox import CLIENT_ID, CLIENT_SECRET, WON_STATUS_ID, Server, seed_bulk
from sandbox.crm.models import Deal

TRIES = 3
PAGE, DEALS = 50, 60
every_kind = pytest.mark.parametrize("weather", KINDS, ids=lambda weather: weather.name)


@pytest.fixture
def world(connected: UserAccount, amocrm: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    # One request and no second one at once: waiting for those is the client's own matter, and its tests'.
    monkeypatch.setattr(caller, "TRIES", 1)
    monkeypatch.setattr(http, "ANSWER_SECONDS", http.ANSWER_SECONDS)  # it becomes again what it was
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.demo.subscribe(NOWHERE, EVENTS)
    return world_of(connected, amocrm)


def take_over(world: World, *, times: int = 1) -> list[str]:
    """Deliver what amoCRM has told meanwhile, each so often."""
    told = bodies(world.server)
    for body in told * times:
        deliver(world.account, body)
    world.crm.courier.clear()
    return told


def sold(account: UserAccount) -> list[int]:
    found = Sale.objects.filter(user_account=account).values_list("amocrm_deal_id", flat=True)
    return sorted(deal_id or 0 for deal_id in found)


def won(world: World) -> list[int]:
    deals = world.demo.deals.by_id.values()
    return sorted(deal.id for deal in deals if deal.status_id == WON_STATUS_ID and not deal.is_deleted)


def two_known_deals(world: World) -> tuple[Deal, Deal]:
    deals = world.demo.deals
    response(world.account, "+77011111111", name="Aida")
    pair = (deals.create("one", price=100, phone="+77011111111"), deals.create("two", price=200, phone="+77012222222"))
    world.crm.clock.advance(60)
    return pair


@every_kind
def test_while_hooks_are_drained(world: World, weather: Weather) -> None:
    one, two = two_known_deals(world)
    take_over(world)
    drain_all(world.account)
    weather.strike(world)
    world.demo.deals.move(one.id, world.demo.pipelines.main.stages[3].id)
    world.demo.deals.win(two.id)
    three = world.demo.deals.create("three", price=300, phone="+77013333333")
    seen = len(statuses(world.account))
    told = take_over(world, times=2)
    if weather.problem:
        _all_wait(world, weather, seen)
        weather.lift(world)
    drain_all(world.account)
    assert set(statuses(world.account)) == {"success"}
    assert_over(world)
    assert ours(world.account) == truth(world.demo)
    assert sold(world.account) == [two.id]
    for deal in (one, two, three):
        assert our_history(world.account, deal.id) == their_history(world.demo, deal.id)
    _nothing_happens_twice(world, told)


def _all_wait(world: World, weather: Weather, seen: int) -> None:
    for _try in range(TRIES):
        before = world.asked_for_account()
        drain_all(world.account)
        drain_all(world.account)
        if weather.problem == "blocked":
            assert world.asked_for_account() - before <= 1
        waiting = WebhookLog.objects.filter(user_account=world.account).order_by("id")[seen:]
        assert {(log.processing_status, log.attempts, log.error_message) for log in waiting} == {("received", 0, "")}
        assert_shown(world, weather.problem, backlog=len(waiting))
        assert not sold(world.account)
        world.pass_time()


def _nothing_happens_twice(world: World, told: list[str]) -> None:
    before = whole_state(world.account)
    for body in told:
        deliver(world.account, body)
    drain_all(world.account)
    assert whole_state(world.account) == before


@every_kind
def test_in_the_middle_of_a_first_sync(world: World, weather: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small pages: it is about what happens between two of them.
    monkeypatch.setitem(scanning.ORDER, "limit", PAGE)
    seed_bulk(world.demo, DEALS, with_events=True)
    run = runs.start(world.account)
    with monkeypatch.context() as patch:
        patch.setattr(session, "TURN_SECONDS", 0.0)  # a turn is over after a page
        while run.total == 0:
            work(run.pk, ring_again=lambda _seconds: None)
            run.refresh_from_db()
    assert run.total == PAGE
    weather.strike(world)
    _run_waits(world, weather, run)
    finish(run, between=world.pass_time)
    assert (run.state, run.detail, run.total, run.errors) == ("done", "", DEALS, 0)
    assert_over(world)
    assert ours(world.account) == truth(world.demo)
    assert sold(world.account) == won(world)
    assert gaps(world.account) == []


@every_kind
def test_in_a_later_sync(world: World, weather: Weather) -> None:
    one, two = two_known_deals(world)
    sync(world.account)
    world.demo.deals.move(one.id, world.demo.pipelines.main.stages[3].id, silent=True)
    world.demo.deals.win(two.id, silent=True)
    new = world.demo.deals.create("three", phone="+77013333333", silent=True)
    run = runs.start(world.account)
    weather.strike(world)
    _run_waits(world, weather, run)
    finish(run, between=world.pass_time)
    assert (run.state, run.detail, run.errors) == ("done", "", 0)
    assert_over(world)
    assert ours(world.account) == truth(world.demo)
    assert sold(world.account) == [two.id]
    assert {deal_id for deal_id, _what in gaps(world.account)} == {one.id, two.id, new.id}
    told = gaps(world.account)
    assert len(told) == len(set(told))
    before = whole_state(world.account)
    assert sync(world.account).updated == 0
    assert whole_state(world.account) == before


def _run_waits(world: World, weather: Weather, run: SyncRun) -> None:
    if not weather.problem:
        return
    for _try in range(TRIES):
        before, total = world.asked_for_account(), run.total
        for _ring in range(2):
            work(run.pk, ring_again=lambda _seconds: None)
        if weather.problem == "blocked":
            assert world.asked_for_account() - before <= 1
        run.refresh_from_db()
        assert (run.state, run.total, run.errors) == ("running", total, 0)
        assert_shown(world, weather.problem, backlog=0)
        world.pass_time()
    weather.lift(world)
