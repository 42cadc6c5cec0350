"""Reading everything under difficulties: heavy pages, lists that shift, history that a second run completes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analytics.models import Sale
from integrations.amocrm import caller
from integrations.amocrm.deal_events import EVENTS_PAGE
from integrations.amocrm.oauth import TokenPair
from integrations.connecting.connect import connect, disconnect
from integrations.models import AmoCRMConnection, SyncRun
from integrations.sync import events, recent, runner, runs, session
from integrations.sync.reader import Reader
from integrations.sync.runner import work
from integrations.sync.session import Session
from integrations.sync.tasks import begin
from integrations.tests.sync_world import finish, gaps, known_deals, our_history, sync, their_history
from integrations.tests.world import make_due, ours, truth
from leads.models import LeadStatusHistory, UserAccount
from sandbox import Server, seed_bulk


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying again at once is the client's own matter."""
    monkeypatch.setattr(caller, "TRIES", 1)


@pytest.mark.parametrize("heaviest", [200, 25])
def test_pages_that_are_too_heavy_are_read_in_parts(connected: UserAccount, amocrm: Server, heaviest: int) -> None:
    seed_bulk(amocrm.crm.demo, 600)
    amocrm.crm.set_switches({"heaviest_page": heaviest})
    run = finish(runs.start(connected), between=lambda: make_due(connected))
    assert (run.state, run.total, run.errors) == ("done", 600, 0)
    assert ours(connected) == truth(amocrm.crm.demo)


def test_an_outage_is_no_reason_to_read_in_parts(connected: UserAccount, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 300)
    run = runs.start(connected)
    amocrm.crm.faults.answer(504)
    for _try in range(4):
        work(run.pk, ring_again=lambda _seconds: None)
        make_due(connected)
    amocrm.crm.faults.clear()
    finish(run)
    assert run.cursor.get("parts", 1) == 1


def test_a_deal_that_a_deletion_hid_between_two_pages_is_found_by_the_next_run(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = seed_bulk(amocrm.crm.demo, 600)
    run = runs.start(connected)
    with monkeypatch.context() as patch:
        patch.setattr(session, "TURN_SECONDS", 0.0)  # a turn is over after a page
        while run.total == 0:
            work(run.pk, ring_again=lambda _seconds: None)
            run.refresh_from_db()
    amocrm.crm.demo.deals.delete(ids[0], silent=True)
    finish(run)
    assert ids[250] not in known_deals(connected)
    again = sync(connected)
    assert ids[250] in known_deals(connected)
    assert (again.cursor["is_whole"], gaps(connected)) == (True, [])


def delete_after_the_second_page(monkeypatch: pytest.MonkeyPatch, delete: Callable[[], object]) -> None:
    """The list's first page shrinks once two of its pages are read, each of two deals; once."""
    monkeypatch.setitem(recent.NEWEST_FIRST, "limit", 2)
    page = Reader.page
    deleted: list[object] = []

    def shrinking(self: Reader, path: str, query: Any, number: int, parse: Any) -> Any:
        found = page(self, path, query, number, parse)
        if path == "leads" and number == 2 and query.get("with") == "contacts" and not deleted:
            deleted.append(delete())
        return found

    monkeypatch.setattr(Reader, "page", shrinking)


def test_a_win_that_a_deletion_moved_past_the_page_under_way_is_a_sale(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, clock = amocrm.crm.demo, amocrm.crm.clock
    made = [demo.deals.create(f"deal {n}", price=100, silent=True) for n in range(6)]
    sync(connected)
    for deal in made:  # the first one is now at the end of the list
        clock.advance(3600)
        demo.deals.win(deal.id, silent=True)
    clock.advance(3600)
    delete_after_the_second_page(monkeypatch, lambda: demo.deals.delete(made[-1].id, silent=True))
    sync(connected)
    paid = set(Sale.objects.filter(status="paid").values_list("amocrm_deal_id", flat=True))
    assert paid == {deal.id for deal in made[:-1]}


@pytest.mark.parametrize("how", ["deleted", "merged"])
def test_a_price_that_a_deletion_moved_past_the_page_under_way_is_read_by_the_next_run(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    demo, clock = amocrm.crm.demo, amocrm.crm.clock
    made = [demo.deals.create(f"deal {n}", price=100, silent=True) for n in range(6)]
    sync(connected)
    for deal in made:
        clock.advance(3600)
        demo.deals.set_price(deal.id, 500, silent=True)
    clock.advance(3600)
    one, other = made[-1].id, made[-2].id
    shrink = {"deleted": lambda: demo.deals.delete(one, silent=True), "merged": lambda: demo.deals.merge(other, one)}
    delete_after_the_second_page(monkeypatch, shrink[how])
    sync(connected)
    clock.advance(3600)
    sync(connected)
    known = known_deals(connected)
    assert {known[deal.id].price for deal in made[:-2]} == {500}
    assert ours(connected) == truth(demo)
    requests = len(amocrm.crm.requests)
    clock.advance(3600)
    sync(connected)
    assert len(amocrm.crm.requests) - requests <= 7  # nothing is read a third time


def seed_old_history(amocrm: Server, monkeypatch: pytest.MonkeyPatch) -> int:
    """More events than a first sync reads by itself. How many of them moved a deal."""
    monkeypatch.setattr(events, "_AT_LEAST", 1)
    monkeypatch.setattr(events, "_SHARE", 0.0)
    seed_bulk(amocrm.crm.demo, 300, with_events=True)
    return sum(event.type == "lead_status_changed" for event in amocrm.crm.demo.history.by_id.values())


def test_old_history_is_handed_to_a_run_of_its_own(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = seed_old_history(amocrm, monkeypatch)
    assert moved > EVENTS_PAGE
    sync(connected)
    passed = LeadStatusHistory.objects.exclude(from_status_id=None)
    assert passed.count() == EVENTS_PAGE
    history = SyncRun.objects.get(kind=SyncRun.Kind.HISTORY)
    with monkeypatch.context() as short:
        short.setattr(session, "TURN_SECONDS", 0.0)
        work(history.pk, ring_again=lambda _seconds: None)  # one page, and others have their turn
    assert EVENTS_PAGE < passed.count() < moved
    finish(history)
    assert (history.state, history.total) == ("done", moved - EVENTS_PAGE)
    assert passed.count() == moved
    for deal_id in known_deals(connected):
        assert our_history(connected, deal_id) == their_history(amocrm.crm.demo, deal_id)
    assert gaps(connected) == []


def test_old_history_is_read_on_once_a_disconnected_account_is_connected_again(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = seed_old_history(amocrm, monkeypatch)
    sync(connected)
    history = SyncRun.objects.get(kind=SyncRun.Kind.HISTORY)
    disconnect(AmoCRMConnection.objects.get())
    work(history.pk, ring_again=lambda _seconds: None)
    assert runs.in_need() == []
    demo = amocrm.crm.demo
    connect(connected, demo.profile.host, TokenPair(amocrm.crm.long_lived_token(demo)))
    assert runs.in_need() == [history.pk]
    assert finish(history).state == "done"
    assert LeadStatusHistory.objects.exclude(from_status_id=None).count() == moved


def test_what_changes_while_a_disconnected_account_breaks_a_sync_off_is_read_on_reconnecting(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = amocrm.crm.demo
    ids = seed_bulk(demo, 10)
    sync(connected)
    run = runs.start(connected)
    begun: list[SyncRun | None] = []

    def change(_session: Session) -> None:
        """Once all deals are read: somebody disconnects, a deal changes, and the account is connected again."""
        monkeypatch.undo()
        disconnect(AmoCRMConnection.objects.get())
        amocrm.crm.clock.advance(60)
        demo.deals.set_price(ids[7], 777, silent=True)
        connect(connected, demo.profile.host, TokenPair(amocrm.crm.long_lived_token(demo)))
        begun.append(begin(connected))

    monkeypatch.setattr(runner, "LATER", (*runner.LATER[:2], change, *runner.LATER[2:]))
    work(run.pk, ring_again=lambda _seconds: None)
    assert begun[0] is not None
    assert finish(begun[0]).state == "done"
    assert known_deals(connected)[ids[7]].price == 777
    run.refresh_from_db()
    assert (run.state, run.detail) == ("failed", "The account was disconnected from amoCRM.")


@pytest.mark.parametrize("ends", ["cancelled", "disconnected"])
def test_a_run_that_is_ended_between_two_turns_keeps_nobodys_phone(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    seed_bulk(amocrm.crm.demo, 600)
    run = runs.start(connected)
    monkeypatch.setattr(session, "TURN_SECONDS", 0.0)
    for _turn in range(3):
        work(run.pk, ring_again=lambda _seconds: None)
    assert run.staged.exists()
    if ends == "cancelled":
        runs.cancel(run)
    else:
        disconnect(AmoCRMConnection.objects.get())
    run.refresh_from_db()
    assert run.state == "failed"
    assert not run.staged.exists()


def test_reading_everything_again_finds_what_was_not_told_and_nothing_else(
    connected: UserAccount, amocrm: Server
) -> None:
    amocrm.crm.clock.advance(-3600)
    ids = seed_bulk(amocrm.crm.demo, 300)
    sync(connected)
    amocrm.crm.clock.advance(60)
    amocrm.crm.demo.deals.set_price(ids[7], 777, silent=True)
    amocrm.crm.demo.deals.move(ids[8], amocrm.crm.demo.pipelines.main.stages[2].id, silent=True)
    amocrm.crm.demo.contacts.add_phone(amocrm.crm.demo.deals.by_id[ids[9]].contact_ids[0], "+77019999999", silent=True)
    run = sync(connected, full=True)
    assert (run.state, run.total, run.drift_count) == ("done", 300, 3)
    assert gaps(connected) == sorted([(ids[7], "price"), (ids[8], "stage"), (ids[9], "contact")])
    assert ours(connected) == truth(amocrm.crm.demo)
    assert sync(connected, full=True).updated == 0
