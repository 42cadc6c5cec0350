"""Syncs against the sandbox: everything is read once, what no hook told is found, and nothing is done twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection as database
from django.utils import timezone

from analytics.models import Sale
from integrations.drain.drain import drain
from integrations.drain.lease import take_lease
from integrations.models import AmoCRMConnection, SaleNotification, SyncGap
from integrations.tests.sync_world import gaps, our_history, sync, their_history
from integrations.tests.world import bodies, deliver, drain_all, ours, truth
from leads.models import Lead, LeadStatusHistory, UserAccount
from sandbox import Server, seed_bulk


def told_of(account: UserAccount) -> list[tuple[object, ...]]:
    """What the ledger says: the deal, what changed, from what to what, and how that was found."""
    rows = SyncGap.objects.filter(user_account=account)
    return sorted(rows.values_list("amocrm_lead_id", "what", "before", "after", "repaired_by"))


def test_the_first_run_reads_all_deals_and_contacts_in_pages_of_250(connected: UserAccount, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 1100, with_events=True)
    run = sync(connected)
    assert (run.state, run.total, run.updated, run.errors) == ("done", 1100, 1100, 0)
    assert ours(connected) == truth(amocrm.crm.demo)
    assert Lead.objects.filter(phone_e164=None).count() == 0
    assert gaps(connected) == []
    paths = [request.path.split("?")[0].rsplit("/", 1)[-1] for request in amocrm.crm.requests]
    read_ahead = 6  # with the rate off, as many as are under way when the last page is answered
    assert paths.count("contacts") <= 5 + 1 + read_ahead
    assert paths.count("leads") <= 5 + 2 + 5 + read_ahead
    moved = LeadStatusHistory.objects.exclude(from_status_id=None).count()
    assert moved == sum(event.type == "lead_status_changed" for event in amocrm.crm.demo.history.by_id.values())


def test_a_second_run_changes_nothing_and_costs_a_page_of_each_list(connected: UserAccount, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 600)
    sync(connected)
    before = len(amocrm.crm.requests)
    run = sync(connected)
    assert (run.state, run.updated, run.drift_count) == ("done", 0, 0)
    assert len(amocrm.crm.requests) - before <= 5
    assert run.api_requests == len(amocrm.crm.requests) - before


@pytest.mark.parametrize("is_bare", [False, True])
@pytest.mark.parametrize("hook_came_first", [True, False])
def test_a_win_that_a_hook_told_of_before_a_sync_met_it_is_announced(
    connected: UserAccount, crm: Server, hook_came_first: bool, is_bare: bool
) -> None:
    deal = crm.crm.demo.deals.create("Имплант", price=100)
    sync(connected)
    crm.crm.demo.deals.win(deal.id)
    won = f"leads[update][0][id]={deal.id}" if is_bare else bodies(crm)[-1]
    connection = AmoCRMConnection.objects.get()
    if hook_came_first:
        deliver(connected, won)
        assert take_lease(connection.pk)  # a drain that waits for amoCRM meanwhile
    sync(connected)
    AmoCRMConnection.objects.update(lease_until=None)
    assert (Sale.objects.get().status, SaleNotification.objects.count()) == ("paid", 0)
    if not hook_came_first:
        Sale.objects.update(created_at=timezone.now() - timedelta(hours=1))
        deliver(connected, won)
    drain_all(connected)
    drain_all(connected)
    assert SaleNotification.objects.count() == hook_came_first


@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has the clock of its machine")
@pytest.mark.parametrize("ahead", [-60, 60])
@pytest.mark.parametrize("hook_came_first", [True, False])
def test_which_came_first_does_not_depend_on_a_workers_clock(
    connected: UserAccount, crm: Server, hook_came_first: bool, ahead: int
) -> None:
    deal = crm.crm.demo.deals.create("Имплант", price=100)
    sync(connected)
    crm.crm.clock.advance(5)
    crm.crm.demo.deals.win(deal.id)
    if hook_came_first:
        deliver(connected, bodies(crm)[-1])
        assert take_lease(AmoCRMConnection.objects.get().pk)  # a drain that waits for amoCRM meanwhile
    with time_machine.travel(timezone.now() + timedelta(seconds=ahead)):
        sync(connected)
    AmoCRMConnection.objects.update(lease_until=None)
    if not hook_came_first:
        deliver(connected, bodies(crm)[-1])
    drain(connected.pk, ring_again=lambda _seconds: None)
    assert SaleNotification.objects.count() == hook_came_first


def test_silent_changes_are_found_repaired_and_written_down(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages[1:]]
    deals = [demo.deals.create(f"deal {n}", price=100, phone=f"+7701000000{n}") for n in range(6)]
    sync(connected)
    crm.crm.clock.advance(60)
    demo.deals.move(deals[0].id, stages[1], silent=True)
    crm.crm.clock.advance(5)
    demo.deals.move(deals[0].id, stages[2], silent=True)
    demo.deals.set_price(deals[1].id, 500, silent=True)
    demo.deals.delete(deals[2].id, silent=True)
    new = demo.deals.create("new", phone="+77019999999", silent=True)
    demo.contacts.add_phone(deals[3].contact_ids[0], "+77018888888", silent=True)
    demo.deals.change(deals[4].id, name="renamed", silent=True)
    demo.deals.set_fields(deals[5].id, {"UTM_SOURCE": "ig", "UTM_CAMPAIGN": "spring"}, silent=True)
    run = sync(connected)
    main = demo.pipelines.main.id
    first, passed, last = (f"{main}/{stage}" for stage in stages[:3])
    phone = "+77010000003"
    assert told_of(connected) == sorted(
        [
            (deals[0].id, "stage", first, passed, "event"),
            (deals[0].id, "stage", passed, last, "event"),
            (deals[1].id, "price", "100.00", "500.00", "read"),
            (deals[2].id, "deleted", "", "", "read"),
            (new.id, "created", "", "", "read"),
            (deals[3].id, "contact", f"deal 3, {phone}", f"deal 3, {phone}, +77018888888", "read"),
            (deals[4].id, "name", "deal 4", "renamed", "read"),
            (deals[5].id, "utm", "", "source=ig&campaign=spring", "read"),
        ]
    )
    assert run.drift_count == 8
    assert ours(connected) == truth(crm.crm.demo)
    assert sync(connected).drift_count == 0


def test_deals_that_come_into_an_empty_crm_have_their_whole_history_however_old(
    connected: UserAccount, crm: Server
) -> None:
    sync(connected)
    now, deals = crm.crm.clock.now(), crm.crm.demo.deals
    stages = [stage.id for stage in crm.crm.demo.pipelines.main.stages[1:]]
    deal = deals.create("taken over from another CRM", status_id=stages[0], created_at=now - 20_000)
    deals.move(deal.id, stages[1], at=now - 15_000)
    deals.move(deal.id, stages[2], at=now - 10_000)
    sync(connected)
    assert [stage for _at, stage in our_history(connected, deal.id)] == stages[:3]
    assert our_history(connected, deal.id) == their_history(crm.crm.demo, deal.id)


def test_lists_in_another_order_than_asked_for_are_read_to_their_ends(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    seed_bulk(demo, 600, with_events=True)
    stages = [stage.id for stage in demo.pipelines.main.stages[1:]]
    sync(connected)
    crm.crm.clock.advance(3600)
    crm.crm.switches.order_as_asked = False
    last = max(demo.deals.by_id)
    for stage in stages[:3]:
        crm.crm.clock.advance(60)
        demo.deals.move(last, stage, silent=True)
    demo.contacts.add_phone(max(demo.contacts.by_id), "+77018888888", silent=True)
    sync(connected)
    assert ours(connected) == truth(demo)
    assert our_history(connected, last) == their_history(demo, last)
