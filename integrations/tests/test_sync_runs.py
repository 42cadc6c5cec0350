"""A run in bad weather: it waits, is joined and cancelled, goes on elsewhere, and comes to an end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.amocrm import caller
from integrations.models import AmoCRMConnection, SyncRun
from integrations.sync import runs
from integrations.sync.runner import work
from integrations.tests.sync_world import finish, our_history, sync, their_history
from integrations.tests.world import make_due
from leads.models import UserAccount
from sandbox import Server, seed_bulk


def test_an_outage_in_the_middle_is_waited_for(connected: UserAccount, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 300)
    run = runs.start(connected)
    amocrm.crm.faults.outage()
    pauses: list[float] = []
    work(run.pk, ring_again=pauses.append)
    run.refresh_from_db()
    connection = AmoCRMConnection.objects.get()
    assert (run.state, connection.problem_code) == ("running", "outage")
    assert pauses
    assert runs.in_need() == []
    amocrm.crm.faults.clear()
    make_due(connected)
    assert runs.in_need() == [run.pk]
    finish(run)
    connection.refresh_from_db()
    assert (run.state, run.total, connection.problem_code) == ("done", 300, "")


@pytest.mark.parametrize(("status", "tries"), [(402, 1), (504, 5)])
def test_a_run_comes_to_an_end_where_amocrm_answers_all_but_its_events(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch, status: int, tries: int
) -> None:
    monkeypatch.setattr(caller, "TRIES", 1)
    demo = crm.crm.demo
    deal = demo.deals.create("a", phone="+77011111111")
    sync(connected)
    crm.crm.clock.advance(60)
    demo.deals.move(deal.id, demo.pipelines.main.stages[2].id)
    crm.crm.clock.advance(60)
    demo.deals.move(deal.id, demo.pipelines.main.stages[3].id)
    crm.crm.faults.answer(status, prefix="/api/v4/events")
    run = finish(runs.start(connected), turns=tries, between=lambda: make_due(connected))
    assert (run.state, run.total) == ("done", 1)
    assert "/api/v4/events" in run.detail
    assert AmoCRMConnection.objects.get().problem_code == ""
    crm.crm.faults.clear()
    sync(connected)
    assert our_history(connected, deal.id) == their_history(demo, deal.id)


def test_history_that_a_first_run_could_not_read_is_read_by_a_run_of_its_own(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "TRIES", 1)
    demo = crm.crm.demo
    deal = demo.deals.create("a", phone="+77011111111")
    crm.crm.clock.advance(60)
    demo.deals.move(deal.id, demo.pipelines.main.stages[2].id)
    crm.crm.faults.answer(504, prefix="/api/v4/events")
    finish(runs.start(connected), between=lambda: make_due(connected))
    crm.crm.faults.clear()
    finish(SyncRun.objects.get(kind=SyncRun.Kind.HISTORY))
    assert our_history(connected, deal.id) == their_history(demo, deal.id)


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (402, 1), (504, 5)])
def test_old_history_that_amocrm_does_not_give_ends_its_run_and_holds_nobody_up(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch, status: int, tries: int
) -> None:
    monkeypatch.setattr(caller, "TRIES", 1)
    deal = crm.crm.demo.deals.create("a", phone="+77011111111")
    crm.crm.clock.advance(60)
    crm.crm.demo.deals.move(deal.id, crm.crm.demo.pipelines.main.stages[2].id)
    crm.crm.faults.answer(504, prefix="/api/v4/events")
    finish(runs.start(connected), between=lambda: make_due(connected))
    crm.crm.faults.clear()
    crm.crm.faults.answer(status, prefix="/api/v4/events")
    history = SyncRun.objects.get(kind=SyncRun.Kind.HISTORY)
    finish(history, turns=tries, between=lambda: make_due(connected))
    assert history.state == "failed"
    assert "/api/v4/events" in history.detail
    connection = AmoCRMConnection.objects.get()
    assert (connection.problem_code, connection.next_attempt_at) == ("", None)
    crm.crm.faults.clear()
    sync(connected)
    assert SyncRun.objects.filter(kind=SyncRun.Kind.HISTORY).count() == 1
    sync(connected, full=True)
    finish(SyncRun.objects.get(kind=SyncRun.Kind.HISTORY, state="running"))
    assert our_history(connected, deal.id) == their_history(crm.crm.demo, deal.id)


def test_a_run_is_joined_and_cancelled(connected: UserAccount, amocrm: Server) -> None:
    first = runs.start(connected)
    assert runs.start(connected, full=True).pk == first.pk
    runs.cancel(first)
    first.refresh_from_db()
    assert (first.state, first.detail) == ("failed", "cancelled")
    assert runs.start(connected).pk != first.pk


def test_who_lost_a_run_while_he_drained_does_not_begin_it_anew(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(connected)
    run = runs.start(connected)

    def take_longer_than_the_lease(_run: SyncRun) -> None:
        monkeypatch.undo()
        SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        finish(run)

    monkeypatch.setattr("integrations.sync.runner._drain_first", take_longer_than_the_lease)
    work(run.pk, ring_again=lambda _seconds: None)
    finished = SyncRun.objects.get(pk=run.pk)
    assert (finished.state, finished.cursor["phase"]) == ("done", 4)


@pytest.mark.parametrize(("times", "state"), [(4, "done"), (5, "failed")])
def test_a_run_that_fails_unforeseen_is_tried_again_but_not_for_ever(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch, times: int, state: str
) -> None:
    sync(connected)
    crm.crm.demo.deals.create("deal", price=700, phone="+77011111111", silent=True)
    failures = iter(range(times))

    def fail(*_args: object) -> None:
        if next(failures, None) is not None:
            raise LookupError("nobody thought of that")

    monkeypatch.setattr("integrations.sync.events.settle_merges", fail)  # after a page that is committed each time
    run = runs.start(connected)
    for _try in range(times):
        assert runs.in_need() == [run.pk]
        with pytest.raises(LookupError):
            work(run.pk, ring_again=lambda _seconds: None)
    work(run.pk, ring_again=lambda _seconds: None)
    run.refresh_from_db()
    assert run.state == state
    assert ("LookupError" in run.detail) == (state == "failed")
    assert sync(connected).state == "done"
