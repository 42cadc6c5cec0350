"""Syncs in bad weather, side by side, cancelled, merged deals, news without a time, and over the API."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from pytest_django import Settings
from rest_framework.test import APIClient

from analytics.earning.purchases import purchase_save
from analytics.models import Sale
from integrations.amocrm import caller
from integrations.api import sync as api
from integrations.drain import drain as drains
from integrations.drain.reading import read
from integrations.models import AmoCRMConnection, SyncDue, SyncGap, SyncRun, WebhookLog
from integrations.sync import runs
from integrations.sync.figures import hook_week
from integrations.sync.runner import work
from integrations.sync.schedule import PLAN, hasten, place_of, plan_syncs, take_due
from integrations.sync.tasks import tend
from integrations.tests.sync_world import finish, gaps, known_deals, our_history, sync, their_history
from integrations.tests.world import NOWHERE, bodies, deliver, drain_all, form, make_due, take_over
from leads.models import Lead, LeadStatusHistory, Membership, Role, User, UserAccount
from leads.news import WON_STATUS_ID
from leads.tests.world import response
from sandbox import Server, seed_bulk


@pytest.fixture
def staff(connected: UserAccount) -> APIClient:
    user = User.objects.create_user("s@example.com", "pw")
    Membership.objects.create(user=user, user_account=connected, role=Role.STAFF)
    client = APIClient()
    client.force_authenticate(user)
    return client


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


def test_a_merged_deal_is_followed_by_response_history_and_sale(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    ad = response(connected, "+77011111111", name="Aida")
    old = demo.deals.create("old", price=700, phone="+77011111111")
    survivor = demo.deals.create("new", price=0, contact_ids=[old.contact_ids[0]])
    crm.crm.clock.advance(10)
    demo.deals.win(old.id)
    sync(connected)
    ad.refresh_from_db()
    assert ad.amocrm_lead_id == old.id
    sale = Sale.objects.get(amocrm_deal_id=old.id)
    crm.crm.clock.advance(30)
    demo.deals.win(survivor.id, silent=True)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, old.id, silent=True)
    Sale.objects.filter(amocrm_deal_id=survivor.id).delete()
    run = sync(connected)
    assert run.state == "done", run.detail
    ad.refresh_from_db()
    assert (ad.amocrm_lead_id, ad.is_deleted) == (survivor.id, False)
    gone = known_deals(connected)[old.id]
    assert gone.is_deleted
    assert str(survivor.id) in gone.match_detail
    assert (old.id, "merged") in gaps(connected)
    paid = Sale.objects.filter(status="paid")
    assert [one.amocrm_deal_id for one in paid] == [survivor.id]
    assert Sale.objects.filter(pk=sale.pk).exists()
    assert sync(connected).updated == 0


def test_a_merge_that_is_followed_while_a_drain_reads_leaves_one_sale(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, clock = crm.crm.demo, crm.crm.clock
    gone = demo.deals.create("old", price=700, phone="+77011111111")
    survivor = demo.deals.create("new", price=0, contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    clock.advance(60)
    crm.crm.hook_faults.lose_all = False
    demo.deals.set_price(gone.id, 800)
    crm.crm.hook_faults.lose_all = True
    take_over(connected, crm)
    clock.advance(60)
    demo.deals.win(survivor.id, silent=True)

    def read_then_merged(*given: Any) -> Any:
        monkeypatch.undo()
        readings = read(*given)
        demo.deals.merge(survivor.id, gone.id, silent=True)
        clock.advance(60)
        sync(connected)
        return readings

    monkeypatch.setattr(drains, "read", read_then_merged)
    drain_all(connected)
    clock.advance(3600)
    sync(connected)
    assert [sale.amocrm_deal_id for sale in Sale.objects.filter(status="paid")] == [survivor.id]


def test_a_purchase_by_hand_follows_the_deal_that_remained(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    old = demo.deals.create("old", price=700, phone="+77011111111")
    survivor = demo.deals.create("new", price=0, contact_ids=old.contact_ids)
    sync(connected)
    purchase = purchase_save(
        Sale(
            user_account=connected,
            lead=known_deals(connected)[old.id],
            amount=Decimal(500),
            currency=connected.currency,
            sold_at=timezone.now(),
        )
    )
    crm.crm.clock.advance(60)
    demo.deals.merge(survivor.id, old.id, silent=True)
    sync(connected)
    assert known_deals(connected)[old.id].is_deleted
    purchase.refresh_from_db()
    assert purchase.lead == known_deals(connected)[survivor.id]


def test_of_two_merges_of_one_client_each_deal_follows_its_own(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages]
    first, gone_first = demo.deals.create("a", phone="+77011111111"), demo.deals.create("b", phone="+77022222222")
    second, gone_second = (demo.deals.create(name, contact_ids=first.contact_ids) for name in "cd")
    demo.deals.link(gone_first.id, first.contact_ids[0], main=True)
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.win(first.id, silent=True)
    demo.deals.merge(first.id, gone_first.id, silent=True)
    crm.crm.clock.advance(30)
    crm.crm.courier.clear()
    demo.deals.move(gone_second.id, stages[4])
    for body in bodies(crm):
        deliver(connected, body)
    drain_all(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(second.id, gone_second.id, silent=True)
    assert sync(connected).state == "done"
    merged = SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after")
    assert set(merged) == {(gone_first.id, f"deal {first.id}"), (gone_second.id, f"deal {second.id}")}
    known = known_deals(connected)
    assert known[first.id].current_status_id == WON_STATUS_ID
    assert known[second.id].current_status_id == demo.deals.by_id[second.id].status_id


def test_a_merge_of_strangers_is_found_by_looking_through_all(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    one, other, third = (demo.deals.create(name, phone=f"+7701222333{n}") for n, name in enumerate("abc"))
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(one.id, other.id, silent=True)
    assert sync(connected).state == "done"
    assert SyncGap.objects.get(what="merged").after == f"deal {one.id}"
    assert Lead.objects.get(amocrm_lead_id=other.id).is_deleted
    assert not Lead.objects.get(amocrm_lead_id=third.id).is_deleted


@pytest.mark.parametrize("seconds", [0, 5])
def test_of_several_deals_that_went_into_one_none_is_missed(connected: UserAccount, crm: Server, seconds: int) -> None:
    demo = crm.crm.demo
    survivor = demo.deals.create("survivor", phone="+77011111111")
    related = demo.deals.create("related", contact_ids=survivor.contact_ids)
    strangers = [demo.deals.create("stranger") for _deal in range(2)]
    bystander = demo.deals.create("bystander")
    sync(connected)
    crm.crm.clock.advance(30)
    for gone in (related, *strangers):
        demo.deals.merge(survivor.id, gone.id, silent=True)
        crm.crm.clock.advance(seconds)
    assert sync(connected).state == "done"
    merged = SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after")
    assert set(merged) == {(gone.id, f"deal {survivor.id}") for gone in (related, *strangers)}
    assert not known_deals(connected)[bystander.id].is_deleted


def test_a_chain_of_merges_of_strangers_ends_in_the_last_deal(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    first, second, last = (demo.deals.create(name, price=700) for name in "abc")
    demo.deals.win(first.id)
    sync(connected)
    for survivor, gone in ((second, first), (last, second)):
        crm.crm.clock.advance(30)
        demo.deals.merge(survivor.id, gone.id, silent=True)
    demo.deals.win(last.id, silent=True)
    assert sync(connected).state == "done"
    merged = SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after")
    assert set(merged) == {(gone.id, f"deal {last.id}") for gone in (first, second)}
    assert [sale.amocrm_deal_id for sale in Sale.objects.filter(status="paid")] == [last.id]


def test_a_merge_of_a_deal_that_we_never_met_is_looked_for_once(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    seed_bulk(demo, 600)
    survivor = demo.deals.create("survivor")
    sync(connected)
    crm.crm.clock.advance(30)
    gone = demo.deals.create("gone", silent=True)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    made = len(crm.crm.requests)
    assert sync(connected).state == "done"
    assert len(crm.crm.requests) - made <= 5


def test_a_merge_into_a_deal_that_was_deleted_before_we_met_it_holds_nothing_up(
    connected: UserAccount, crm: Server
) -> None:
    crm.crm.switches.deleted_lead_read = 200
    demo = crm.crm.demo
    gone = demo.deals.create("old", price=700, phone="+77011111111")
    sync(connected)
    crm.crm.clock.advance(30)
    survivor = demo.deals.create("new", contact_ids=gone.contact_ids, silent=True)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    crm.crm.clock.advance(30)
    demo.deals.delete(survivor.id, silent=True)
    assert sync(connected).state == "done"
    known = known_deals(connected)
    assert known.keys() == {gone.id}
    assert known[gone.id].is_deleted
    assert known[gone.id].match_detail == f"Merged into deal {survivor.id}."
    assert SyncGap.objects.get(what="merged").after == f"deal {survivor.id}"


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


def test_a_sold_deal_that_is_gone_is_looked_for_within_the_minute(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", price=700, phone="+77011111111")
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    deliver(connected, f"leads[update][0][id]={gone.id}")
    drain_all(connected)
    assert take_due() == [connected]
    sync(connected)
    assert [sale.amocrm_deal_id for sale in Sale.objects.all()] == [survivor.id]
    deliver(connected, f"leads[update][0][id]={gone.id}")
    drain_all(connected)
    assert take_due() == []


def test_a_stage_told_without_a_time_and_left_before_the_reading_is_asked_for(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages]
    deal = demo.deals.create("deal", phone="+77011111111")
    sync(connected)
    demo.subscribe(f"{NOWHERE}?pipeline", ["status_lead"], is_short=True)
    crm.crm.courier.clear()
    for stage in (stages[3], stages[4]):
        crm.crm.clock.advance(30)
        demo.deals.move(deal.id, stage)
    short = [body for body in bodies(crm) if "last_modified" not in body]
    assert len(short) == 2
    for body in short:
        deliver(connected, body)
    drain_all(connected)
    assert [stage for _second, stage in our_history(connected, deal.id)] == [stages[1], stages[4]]
    assert take_due() == [connected]
    WebhookLog.objects.update(received_at=timezone.now() + timedelta(minutes=5))  # the sandbox's clock went ahead
    assert sync(connected).drift_count == 0
    assert our_history(connected, deal.id) == their_history(demo, deal.id)
    deliver(connected, short[1])
    drain_all(connected)
    assert take_due() == []


def test_the_stage_in_which_a_deal_was_deleted_does_not_come_after_its_restoring(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages]
    deal = demo.deals.create("deal", phone="+77011111111")
    demo.subscribe(NOWHERE, ["delete_lead"])
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.move(deal.id, stages[3])
    demo.deals.delete(deal.id)
    deliver(connected, bodies(crm)[-1])
    WebhookLog.objects.update(received_at=timezone.now() + timedelta(hours=1))  # late, or by a clock that is ahead
    drain_all(connected)
    assert Lead.objects.get().is_deleted
    crm.crm.clock.advance(30)
    demo.deals.restore(deal.id)
    demo.deals.move(deal.id, stages[4])
    sync(connected)
    lead = Lead.objects.get()
    assert (lead.is_deleted, lead.current_status_id) == (False, stages[4])
    assert our_history(connected, deal.id) == their_history(demo, deal.id)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_deal_that_was_in_the_bin_at_the_first_sync_is_restored_with_its_whole_history(
    connected: UserAccount, crm: Server, is_told: bool
) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages]
    deals = [demo.deals.create(f"deal {number}", phone=f"+770111111{number:02}") for number in range(11)]
    for stage in (stages[3], stages[2]):
        crm.crm.clock.advance(3600)
        for deal in deals:
            demo.deals.move(deal.id, stage)
    for deal in deals:
        demo.deals.delete(deal.id)
    crm.crm.clock.advance(3600)
    other = demo.deals.create("other", phone="+77022222222")
    sync(connected)
    assert Lead.objects.get().amocrm_lead_id == other.id
    crm.crm.courier.clear()
    crm.crm.clock.advance(3600)
    for deal in deals:
        demo.deals.restore(deal.id)
    crm.crm.clock.advance(30)
    demo.deals.move(deals[0].id, stages[4])
    if is_told:
        for body in bodies(crm):
            deliver(connected, body)
        drain_all(connected)
    sync(connected)
    assert Lead.objects.filter(is_deleted=False).count() == 12
    for deal in deals:
        assert our_history(connected, deal.id) == their_history(demo, deal.id)


@pytest.mark.parametrize(("before", "is_marked"), [(-240, True), (30, True), (3600, False)])
def test_a_hook_that_comes_after_all_marks_its_gap_also_one_that_the_sync_had_just_not_seen(
    connected: UserAccount, crm: Server, before: int, is_marked: bool
) -> None:
    demo = crm.crm.demo
    deal = demo.deals.create("deal", price=1, phone="+77011111111")
    sync(connected)
    crm.crm.courier.clear()
    crm.crm.clock.advance(30)
    demo.deals.move(deal.id, demo.pipelines.main.stages[3].id)
    assert sync(connected).drift_count == 1
    assert hook_week(connected).untold == 1
    for body in bodies(crm):
        deliver(connected, body)
    gap = SyncGap.objects.get()
    WebhookLog.objects.filter(processing_status="received").update(received_at=timezone.now() + timedelta(minutes=1))
    SyncGap.objects.update(learnt_at=timezone.now() + timedelta(seconds=before))  # the hook comes so long before
    drain_all(connected)
    gap.refresh_from_db()
    assert (gap.told_at is not None) == is_marked
    sync(connected)
    assert (hook_week(connected).untold, hook_week(connected).late) == ((0, 1) if is_marked else (1, 0))


def test_a_history_begins_in_the_pipeline_in_which_the_deal_was_born(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    calls, main = demo.pipelines.add("Calls", ["New"]), demo.pipelines.main
    deal = demo.deals.create("deal", pipeline_id=calls.id, phone="+77011111111")
    first = (calls.id, deal.status_id)
    crm.crm.clock.advance(30)
    demo.deals.move(deal.id, main.stages[2].id, main.id, silent=True)
    sync(connected)
    rows = LeadStatusHistory.objects.order_by("changed_at").values_list(
        "from_pipeline_id", "from_status_id", "to_pipeline_id", "to_status_id"
    )
    assert list(rows) == [(None, None, *first), (*first, main.id, main.stages[2].id)]


@pytest.mark.parametrize(("after", "is_gap"), [(5, False), (6, True)])
def test_a_status_hook_may_bear_a_second_shortly_after_the_change(
    connected: UserAccount, crm: Server, after: int, is_gap: bool
) -> None:
    demo = crm.crm.demo
    deal = demo.deals.create("deal", phone="+77011111111")
    sync(connected)
    crm.crm.clock.advance(30)
    stage = demo.pipelines.main.stages[3].id
    at = demo.deals.move(deal.id, stage, silent=True).updated_at + after
    told = {"id": deal.id, "status_id": stage, "pipeline_id": demo.pipelines.main.id, "updated_at": at}
    deliver(connected, form(**{f"leads[status][0][{name}]": value for name, value in told.items()}))
    drain_all(connected)
    sync(connected)
    assert gaps(connected) == ([(deal.id, "stage")] if is_gap else [])


def test_each_kind_of_change_is_marked_by_the_hook_that_tells_of_it_and_by_no_other(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    deals = [demo.deals.create(f"deal {number}", price=1, phone=f"+7701111111{number}") for number in range(8)]
    sync(connected)
    demo.deals.delete(deals[0].id)
    demo.deals.delete(deals[7].id, silent=True)
    sync(connected)
    crm.crm.courier.clear()
    crm.crm.clock.advance(30)
    demo.deals.restore(deals[0].id)
    demo.deals.delete(deals[1].id)
    demo.deals.move(deals[2].id, demo.pipelines.main.stages[3].id)
    demo.deals.set_price(deals[3].id, 500)
    demo.deals.change(deals[4].id, name="renamed")
    demo.deals.set_fields(deals[5].id, {"UTM_SOURCE": "ig"})
    demo.contacts.add_phone(deals[6].contact_ids[0], "+77018888888")
    told = demo.deals.create("told")
    untold = [demo.deals.create("untold", silent=True), deals[7]]
    demo.deals.restore(deals[7].id, silent=True)
    sync(connected)
    crm.crm.clock.advance(30)
    for deal in untold:
        demo.deals.set_price(deal.id, 500)
    late = dict.fromkeys((deals[0].id, told.id, *(deal.id for deal in deals[1:7])))
    marked = SyncGap.objects.filter(told_at__isnull=False)
    for body in bodies(crm):
        deliver(connected, body)
    drain_all(connected)
    found = marked.values_list("amocrm_lead_id", "what")
    assert dict(found) == dict(
        zip(late, ["restored", "created", "deleted", "stage", "price", "name", "utm", "contact"], strict=True)
    )
    left = SyncGap.objects.filter(told_at=None).values_list("amocrm_lead_id", "what")
    assert set(left) >= {(untold[0].id, "created"), (deals[7].id, "restored")}


def counts(account: UserAccount) -> tuple[int, int, int]:
    """Changes told, untold and told late, over the week."""
    week = hook_week(account)
    return week.told, week.untold, week.late


def test_what_changed_in_one_second_is_one_change_told_or_not(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    deals = [demo.deals.create(f"deal {number}", price=1, phone="+77011111111") for number in range(4)]
    sync(connected)
    for number, deal in enumerate(deals):
        crm.crm.courier.clear()
        crm.crm.clock.advance(30)
        demo.deals.change(deal.id, name=f"renamed {number}", price=500, status_id=demo.pipelines.main.stages[3].id)
        for body in bodies(crm) if number % 2 else ():
            deliver(connected, body)
    drain_all(connected)
    assert sync(connected).drift_count == 6
    assert counts(connected) == (2, 2, 0)


@pytest.mark.parametrize("is_late", [False, True])
def test_changes_of_contacts_count_as_those_of_deals(connected: UserAccount, crm: Server, is_late: bool) -> None:
    demo = crm.crm.demo
    people = [demo.contacts.create(f"person {number}", phone=f"+7701111111{number}") for number in range(4)]
    for person in people:
        for name in ("deal", "another deal"):
            demo.deals.create(name, price=1, contact_ids=[person.id])
    sync(connected)
    bodies_of: list[list[str]] = []
    for number, person in enumerate(people):
        crm.crm.courier.clear()
        crm.crm.clock.advance(30)
        demo.contacts.change(person.id, name=f"renamed {number}")
        bodies_of.append(bodies(crm))
    for body in (*bodies_of[1], *bodies_of[2], *bodies_of[3]):
        deliver(connected, body)
    drain_all(connected)
    assert sync(connected).drift_count == 2
    assert counts(connected) == (3, 1, 0)
    if is_late:
        deliver(connected, bodies_of[0][0])
        drain_all(connected)
        sync(connected)
        assert counts(connected) == (4, 0, 1)


def test_days_between_two_syncs_count_what_hooks_told_on_them(connected: UserAccount, crm: Server) -> None:
    sync(connected)
    crm.crm.demo.deals.create("deal", price=1, phone="+77011111111")
    for body in bodies(crm):
        deliver(connected, body)
    drain_all(connected)
    now = timezone.now()
    SyncRun.objects.update(started_at=now - timedelta(days=6))
    WebhookLog.objects.update(received_at=now - timedelta(days=4))
    sync(connected)
    assert hook_week(connected).told == 1


def test_the_api_starts_joins_shows_and_cancels(
    staff: APIClient, connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)
    answer = staff.post("/amocrm/sync-leads", {"full": False}, format="json")
    assert answer.status_code == 202
    body = answer.json()
    assert {"success", "run_id", "total", "updated", "errors", "status_url"} <= body.keys()
    assert staff.post("/amocrm/sync-leads/").json()["run_id"] == body["run_id"]
    amocrm.crm.demo.deals.create("deal", phone="+77011111111")
    finish(SyncRun.objects.get())
    shown = staff.get(body["status_url"]).json()
    assert (shown["state"], shown["success"], shown["total"], shown["drift"]) == ("done", True, 1, [])
    assert staff.post(f"{body['status_url']}/cancel").status_code == 409
    assert staff.get("/api/amocrm/sync-runs/").json()["count"] == 1
    AmoCRMConnection.objects.update(state="disconnected")
    assert staff.post("/amocrm/sync-leads").status_code == 409


@pytest.mark.parametrize("body", [[], [1], "full", 1, True, {"full": "maybe"}])
def test_no_sync_starts_by_a_body_that_makes_no_sense(staff: APIClient, connected: UserAccount, body: Any) -> None:
    assert staff.post("/amocrm/sync-leads", body, format="json").status_code == 400
    assert not SyncRun.objects.exists()


def test_who_has_several_accounts_can_open_the_status_url_as_it_stands(
    connected: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)
    person = User.objects.create_user("two@example.com", "pw")
    for account in (connected, UserAccount.objects.create(name="Beta")):
        Membership.objects.create(user=person, user_account=account, role=Role.STAFF)
    client = APIClient()
    client.force_authenticate(person)
    started = client.post(f"/amocrm/sync-leads?userAccountId={connected.pk}").json()
    assert client.get(started["status_url"]).json()["run_id"] == started["run_id"]


def test_another_accounts_run_is_not_there(staff: APIClient, db: None) -> None:
    foreign = SyncRun.objects.create(user_account=UserAccount.objects.create(name="Beta"))
    assert staff.get(f"/amocrm/sync-runs/{foreign.pk}").status_code == 404


def test_syncs_by_the_clock_are_spread_by_account(connected: UserAccount) -> None:
    now = timezone.now()
    plan_syncs(now)
    due = SyncDue.objects.get().due_at
    assert now <= due <= now + timedelta(hours=1)
    assert 0 <= place_of(connected.pk) < 1
    assert take_due(due - timedelta(seconds=1)) == []
    assert take_due(due) == [connected]
    assert take_due(due) == []


@pytest.mark.parametrize(("minute", "at_most"), [("*/15", timedelta(minutes=15)), ("*", timedelta(0))])
def test_syncs_are_spread_over_the_time_that_was_set_in_the_admin(
    connected: UserAccount, monkeypatch: pytest.MonkeyPatch, minute: str, at_most: timedelta
) -> None:
    monkeypatch.setattr("integrations.sync.schedule.place_of", lambda _account_id: 0.99)
    crontab = CrontabSchedule.objects.create(minute=minute, timezone="Asia/Kathmandu")
    PeriodicTask.objects.create(name="Read deals, find what no hook told", task=PLAN, crontab=crontab)
    now = timezone.now()
    plan_syncs(now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond))
    assert SyncDue.objects.get().due_at <= now + at_most


def test_what_hastens_a_sync_while_one_is_under_way_gets_one_after_it(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", price=700, phone="+77011111111")
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    run = runs.start(connected)
    SyncRun.objects.filter(pk=run.pk).update(is_cancelled=True)  # it will read no more events
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    deliver(connected, f"leads[update][0][id]={gone.id}")
    drain_all(connected)
    tend()
    assert SyncDue.objects.exists()
    finish(run)
    tend()
    assert not SyncDue.objects.exists()
    finish(SyncRun.objects.get(state="running"))
    assert [sale.amocrm_deal_id for sale in Sale.objects.all()] == [survivor.id]


def test_who_is_killed_before_the_sync_has_begun_leaves_its_moment(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasten(connected, timezone.now())

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs, "start", die)
        with pytest.raises(KeyboardInterrupt):
            tend()
    tend()
    assert SyncRun.objects.get().state == "running"
    assert not SyncDue.objects.exists()


def test_a_moment_given_by_a_clock_that_was_a_year_ahead_is_given_anew(connected: UserAccount) -> None:
    now = timezone.now()
    plan_syncs(now + timedelta(days=365))
    plan_syncs(now)
    assert [account.pk for account in take_due(now + timedelta(hours=6))] == [connected.pk]


def test_the_clock_does_not_put_off_a_sync_that_was_hastened(connected: UserAccount) -> None:
    now = timezone.now()
    hasten(connected, now)
    plan_syncs(now)
    assert take_due(now) == [connected]
    plan_syncs(now)
    due = SyncDue.objects.get().due_at
    plan_syncs(now + timedelta(seconds=30))
    assert SyncDue.objects.get().due_at == due
    hasten(connected, now)
    assert take_due(now) == [connected]


@pytest.mark.parametrize(("allowed", "told"), [(7.0, "7"), (3.5, "3.5")])
def test_the_connection_page_shows_and_cancels_it(
    connected: UserAccount, amocrm: Server, client: Client, settings: Settings, allowed: float, told: str
) -> None:
    settings.AMOCRM_REQUESTS_PER_SECOND = allowed
    user = User.objects.create_user("p@example.com", "pw")
    Membership.objects.create(user=user, user_account=connected, role=Role.STAFF)
    client.force_login(user)
    client.post("/connection/syncs/start/")
    run = SyncRun.objects.get()
    SyncRun.objects.update(progress={"phase": "leads", "done": 500, "expected": 1000, "rate": 6.2, "eta_seconds": 130})
    shown = client.get("/connection/syncs/").content.decode()
    assert f"6.2 of {told} requests a second" in shown
    assert "2 min left" in shown
    assert 'class="meter"' in shown
    client.post("/connection/syncs/cancel/")
    run.refresh_from_db()
    assert (run.state, run.detail) == ("failed", "cancelled")
    assert "cancelled" in client.get("/connection/syncs/").content.decode()
