"""What no hook told, or told without a time: it is found, written down, and marked once its hook comes after all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.models import Sale
from integrations.models import SyncGap, SyncRun, WebhookLog
from integrations.sync.figures import hook_week
from integrations.sync.schedule import take_due
from integrations.tests.sync_world import gaps, our_history, sync, their_history
from integrations.tests.world import NOWHERE, bodies, deliver, drain_all, form
from leads.models import Lead, LeadStatusHistory, UserAccount
from sandbox import Server


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
    SyncGap.objects.update(learnt_at=timezone.now() - timedelta(minutes=5))  # well before they came
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
