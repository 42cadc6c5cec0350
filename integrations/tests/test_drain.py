"""The drain: real deliveries of the sandbox, real requests to it, a real database."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone, translation

from analytics.models import Sale, Targetologist
from integrations.amocrm import caller, lookups
from integrations.connecting.connect import disconnect
from integrations.connecting.problems import clear_problem
from integrations.drain import deliveries
from integrations.drain import drain as drains
from integrations.drain.applying import apply_batch
from integrations.drain.deliveries import Delivery, next_batch
from integrations.drain.lease import take_lease
from integrations.drain.sweep import accounts_in_need
from integrations.models import AmoCRMConnection, ConnectionState, Problem, SyncDue, WebhookLog
from integrations.tests.killing import drain_until_killed
from integrations.tests.sync_world import known_deals, sync
from integrations.tests.world import (
    bodies,
    connect,
    deliver,
    deliver_together,
    drain_all,
    form,
    make_due,
    statuses,
    take_over,
)
from leads.models import Lead, LeadStatusHistory, UserAccount
from leads.tests.world import response
from leads.told import retold
from sandbox import Server, seed_bulk
from sandbox.crm.deals import DealChanges
from sandbox.crm.models import Deal


def test_a_deal_is_read_once_matched_by_phone_and_followed(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    lead = response(connected, "+77011234567", name="Aida")
    deal = demo.deals.create("Имплант", price=100_000, phone="8 (701) 123-45-67", utm={"source": "ig"})
    stage = demo.pipelines.main.stages[2].id
    demo.deals.move(deal.id, stage)
    take_over(connected, told)
    drain_all(connected)
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, lead.match_method, lead.utm_source) == (deal.id, "phone", "ig")
    assert (lead.price, lead.current_status_id) == (Decimal(100_000), stage)
    assert set(statuses(connected)) == {"success"}
    assert {request.path.split("?")[0].rsplit("/", 1)[-1] for request in told.crm.requests} >= {str(deal.id)}


def test_known_deals_that_move_cost_no_request(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    deal = demo.deals.create("Имплант", price=1, phone="+77011234567", created_at=demo.clock.now() - 100)
    take_over(connected, told)
    drain_all(connected)
    made = len(told.crm.requests)
    for index, stage in enumerate(demo.pipelines.main.stages[2:5]):
        demo.deals.move(deal.id, stage.id, at=demo.clock.now() - 50 + index)
    take_over(connected, told)
    drain_all(connected)
    assert len(told.crm.requests) == made
    assert Lead.objects.get().current_status_id == demo.pipelines.main.stages[4].id
    assert LeadStatusHistory.objects.count() == 4


@pytest.mark.parametrize(("has_filter", "at_most"), [(True, 10), (False, 40)])
def test_a_burst_of_1000_unknown_deals_costs_few_requests(
    connected: UserAccount, told: Server, has_filter: bool, at_most: int
) -> None:
    demo = told.crm.demo
    demo.profile.is_api_filter_enabled = has_filter
    for index in range(1000):
        demo.deals.create(f"deal {index}", phone=f"+7701{index:07d}", price=index)
    lines = [body for body in bodies(told) if "leads%5Badd%5D" in body]
    assert len(lines) == 1000
    deliver_together(connected, lines)
    drain_all(connected)
    assert Lead.objects.count() == 1000
    assert Lead.objects.exclude(phone_e164=None).count() == 1000
    assert len(told.crm.requests) <= at_most


def test_a_deal_that_moves_in_the_second_in_which_it_was_read_is_read_again(
    connected: UserAccount, told: Server
) -> None:
    deal = told.crm.demo.deals.create("Имплант", phone="+77011234567")
    take_over(connected, told)
    drain_all(connected)
    stage = told.crm.demo.pipelines.main.stages[2].id
    told.crm.demo.deals.move(deal.id, stage, at=deal.updated_at)
    take_over(connected, told)
    drain_all(connected)
    assert Lead.objects.get().current_status_id == stage


def test_a_foreign_account_is_stored_and_never_applied(connected: UserAccount, told: Server) -> None:
    deliver(connected, form(**{"account[id]": 77, "leads[add][0][id]": 5, "leads[add][0][status_id]": 1}))
    deliver(connected, form(**{"account[subdomain]": "other", "leads[add][0][id]": 5}))
    drain_all(connected)
    assert statuses(connected) == ["error", "error"]
    assert not Lead.objects.exists()
    reasons = list(WebhookLog.objects.order_by("id").values_list("error_message", flat=True))
    assert ("77" in reasons[0], "other" in reasons[1]) == (True, True)
    with translation.override("ru"):
        assert all(retold(reason).startswith("Доставка относится") for reason in reasons)
    assert len(told.crm.requests) == 0


def test_what_says_nothing_of_deals_is_ignored_and_what_cannot_be_used_is_an_error(
    connected: UserAccount, amocrm: Server
) -> None:
    deliver(connected, form(**{"task[add][0][id]": 5}))
    deliver(connected, form(**{"contacts[delete][0][id]": 5, "contacts[delete][0][type]": "company"}))
    deliver(connected, b"")
    deliver(connected, b'{"leads": ', content_type="application/json")
    deliver(connected, form(**{"leads[add][0][id]": "abc"}))
    drain_all(connected)
    assert statuses(connected) == ["ignored", "ignored", "ignored", "error", "error"]


def test_a_body_that_something_between_has_packed_is_an_error_that_says_so(connected: UserAccount) -> None:
    """Kept as it came, for it may have told of a won deal."""
    told = form(**{"leads[add][0][id]": 5}).encode()
    deliver(connected, gzip.compress(told))
    part = b'--x\r\nContent-Disposition: form-data; name="leads[add][0][id]"\r\n\r\n5\r\n--x--\r\n'
    deliver(connected, part, content_type="multipart/form-data; boundary=x")
    drain_all(connected)
    assert statuses(connected) == ["error", "error"]
    reasons = list(WebhookLog.objects.order_by("id").values_list("error_message", flat=True))
    assert ("gzip" in reasons[0], "multipart" in reasons[1]) == (True, True)


def test_of_a_good_deal_and_one_without_an_id_the_good_one_is_applied(connected: UserAccount, told: Server) -> None:
    deal = told.crm.demo.deals.create("good", silent=True)
    deliver(connected, form(**{"leads[add][0][id]": "abc", "leads[add][1][id]": deal.id}))
    drain_all(connected)
    log = WebhookLog.objects.get()
    assert (log.processing_status, log.lead_id) == ("partial", deal.id)
    assert "abc" in log.error_message
    assert Lead.objects.get().amocrm_lead_id == deal.id


def test_without_a_connection_deliveries_wait_and_are_applied_once_there_is_one(
    alfa: UserAccount, told: Server
) -> None:
    told.crm.demo.deals.create("Имплант", phone="+77011234567")
    take_over(alfa, told)
    drain_all(alfa)
    assert set(statuses(alfa)) == {"received"}
    connect(alfa, told)
    drain_all(alfa)
    assert set(statuses(alfa)) == {"success"}


def test_after_a_disconnect_deliveries_are_ignored(connected: UserAccount, told: Server) -> None:
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED)
    deliver(connected, form(**{"leads[add][0][id]": 5, "leads[add][0][pipeline_id]": 7}))
    drain_all(connected)
    ignored = WebhookLog.objects.get()
    assert (ignored.processing_status, ignored.lead_id, ignored.pipeline_id) == ("ignored", 5, 7)
    assert (ignored.routing_decision, "5" in json.dumps(ignored.deal_data)) == ("unknown", True)
    assert "disconnected" in ignored.error_message
    assert not Lead.objects.exists()


def test_a_drain_that_a_disconnect_overtakes_applies_nothing_that_comes_after_it(
    connected: UserAccount, told: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = told.crm.demo
    deal = demo.deals.create("Имплант", price=500, phone="+77011234567")
    take_over(connected, told)
    drain_all(connected)
    for price in (600, 700):
        told.crm.clock.advance(60)
        demo.deals.set_price(deal.id, price)
    first, second = bodies(told)
    deliver(connected, first)

    def apply_and_part(*args: Any, **kwargs: Any) -> None:
        monkeypatch.undo()
        apply_batch(*args, **kwargs)
        disconnect(AmoCRMConnection.objects.get())
        deliver(connected, second)

    monkeypatch.setattr(drains, "apply_batch", apply_and_part)
    drain_all(connected)
    drain_all(connected)
    assert statuses(connected)[-2:] == ["success", "ignored"]
    assert Lead.objects.get().price == 600


def test_what_comes_once_the_account_is_connected_anew_is_applied_whoever_was_ignoring(
    connected: UserAccount, told: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.crm.demo.deals.create("Имплант", phone="+77011234567")
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED)
    take_over(connected, told)
    ignore = drains._ignore_batch

    def connect_first(connection: AmoCRMConnection) -> None:
        AmoCRMConnection.objects.update(state=ConnectionState.CONNECTED)
        ignore(connection)

    monkeypatch.setattr(drains, "_ignore_batch", connect_first)
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}


@pytest.mark.django_db(transaction=True)
def test_others_may_write_while_what_is_ignored_is_parsed(
    connected: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED)
    deliver(connected, form(**{"leads[status][0][id]": 5, "leads[status][0][status_id]": 142}))
    held: list[bool] = []

    def parse(*args: Any) -> list[Delivery]:
        held.append(connection.in_atomic_block)
        return next_batch(*args)

    monkeypatch.setattr(drains, "next_batch", parse)
    drain_all(connected)
    assert (statuses(connected), held) == (["ignored"], [False])


def test_a_deal_that_reads_as_204_invents_nothing_and_says_so(connected: UserAccount, amocrm: Server) -> None:
    deliver(connected, form(**{"leads[status][0][id]": 999, "leads[status][0][status_id]": 142}))
    drain_all(connected)
    log = WebhookLog.objects.get()
    assert log.processing_status == "success"
    assert "204" in log.error_message
    assert not Lead.objects.exists()


def test_an_outage_makes_the_backlog_wait_and_its_end_lets_it_move(connected: UserAccount, told: Server) -> None:
    told.crm.demo.deals.create("Имплант", phone="+77011234567")
    take_over(connected, told)
    told.crm.faults.answer(503)
    drain_all(connected)
    connection = AmoCRMConnection.objects.get()
    assert connection.problem_code == Problem.OUTAGE
    assert connection.next_attempt_at is not None
    assert set(statuses(connected)) == {"received"}
    assert set(WebhookLog.objects.values_list("attempts", flat=True)) == {0}
    told.crm.faults.clear()
    make_due(connected)
    drain_all(connected)
    connection.refresh_from_db()
    assert connection.problem_code == ""
    assert set(statuses(connected)) == {"success"}


def _beyond_the_newest_page(server: Server) -> tuple[Deal, Deal]:
    """Two old deals that have to be read by their ids, so that amoCRM can refuse one of them."""
    demo = server.crm.demo
    poison, good = demo.deals.create("poison", created_at=1000), demo.deals.create("good", created_at=1001)
    seed_bulk(demo, 600)
    return poison, good


def test_a_poison_delivery_ends_as_an_error_after_three_tries_and_stops_nobody(
    connected: UserAccount, told: Server
) -> None:
    poison, good = _beyond_the_newest_page(told)
    told.crm.faults.answer(422, prefix=f"/api/v4/leads/{poison.id}")
    for deal_id in (poison.id, good.id):
        deliver(connected, form(**{"leads[add][0][id]": deal_id, "leads[add][0][status_id]": 1}))
    drain_all(connected)
    assert statuses(connected)[1] == "success"
    for _try in range(3):
        make_due(connected)
        drain_all(connected)
    assert statuses(connected) == ["error", "success"]
    log = WebhookLog.objects.order_by("id")[0]
    assert log.attempts == 3
    assert "422" in log.error_message
    told.crm.faults.clear()
    WebhookLog.objects.filter(pk=log.pk).update(processing_status="received", attempts=0)
    drain_all(connected)
    assert statuses(connected) == ["success", "success"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "TRIES", 1)


@pytest.mark.usefixtures("impatient")
def test_a_reading_that_is_never_answered_stops_nobody_though_amocrm_answers_others(
    connected: UserAccount, told: Server
) -> None:
    poison, good = _beyond_the_newest_page(told)
    told.crm.faults.answer(504, prefix=f"/api/v4/leads/{poison.id}")
    for deal_id in (poison.id, good.id):
        deliver(connected, form(**{"leads[add][0][id]": deal_id, "leads[add][0][status_id]": 1}))

    def drain_again() -> None:
        make_due(connected)
        drain_all(connected)
        clear_problem(AmoCRMConnection.objects.get())  # a push, a tag or a page of a sync got an answer

    for _try in range(3):
        drain_again()
    assert statuses(connected) == ["received", "success"]
    for _try in range(6):
        drain_again()
    log = WebhookLog.objects.order_by("id")[0]
    assert (log.processing_status, log.attempts) == ("error", 3)
    assert AmoCRMConnection.objects.get().failed_readings == 0


@pytest.mark.usefixtures("impatient")
def test_a_reading_that_is_never_answered_costs_its_delivery_no_other_deal(
    connected: UserAccount, told: Server
) -> None:
    poison, good = _beyond_the_newest_page(told)
    told.crm.faults.answer(504, prefix=f"/api/v4/leads/{poison.id}")
    deliver(connected, form(**{"leads[add][0][id]": poison.id, "leads[add][1][id]": good.id}))
    for _try in range(9):
        make_due(connected)
        drain_all(connected)
    assert statuses(connected) == ["partial"]
    assert list(Lead.objects.values_list("amocrm_lead_id", flat=True)) == [good.id]


@pytest.mark.usefixtures("impatient")
def test_in_an_outage_however_long_nothing_is_counted_against_a_delivery(connected: UserAccount, told: Server) -> None:
    deal = told.crm.demo.deals.create("deal", silent=True)
    deliver(connected, form(**{"leads[add][0][id]": deal.id}))
    told.crm.faults.outage()
    for _try in range(6):
        make_due(connected)
        drain_all(connected)
    assert list(WebhookLog.objects.values_list("processing_status", "attempts")) == [("received", 0)]
    told.crm.faults.clear()
    make_due(connected)
    drain_all(connected)
    assert statuses(connected) == ["success"]


def test_of_several_deals_in_one_delivery_the_good_ones_are_applied(connected: UserAccount, told: Server) -> None:
    poison, good = _beyond_the_newest_page(told)
    told.crm.faults.answer(422, prefix=f"/api/v4/leads/{poison.id}")
    deliver(connected, form(**{"leads[add][0][id]": poison.id, "leads[add][1][id]": good.id}))
    for _try in range(4):
        drain_all(connected)
        make_due(connected)
    log = WebhookLog.objects.get()
    assert log.processing_status == "partial"
    assert str(poison.id) in log.error_message
    assert list(Lead.objects.values_list("amocrm_lead_id", flat=True)) == [good.id]


@pytest.fixture
def at_its_last_try(connected: UserAccount, told: Server) -> list[Deal]:
    """Three deals of one delivery that has failed twice: two are won, the one between them amoCRM refuses to show."""
    demo = told.crm.demo
    three = [demo.deals.create("deal", price=500, created_at=1000 + n, silent=True) for n in range(3)]
    seed_bulk(demo, 600)
    for deal in (three[0], three[2]):
        demo.deals.win(deal.id, at=1010, silent=True)
    told.crm.faults.answer(422, prefix=f"/api/v4/leads/{three[1].id}")
    deliver(connected, form(**{f"leads[add][{n}][id]": deal.id for n, deal in enumerate(three)}))
    for _try in range(2):
        drain_all(connected)
        make_due(connected)
    assert list(WebhookLog.objects.values_list("processing_status", "attempts")) == [("received", 2)]
    return three


def assert_only_the_refused_deal_is_missing(three: list[Deal]) -> None:
    log = WebhookLog.objects.get()
    assert (log.processing_status, log.attempts) == ("partial", 3)
    assert str(three[1].id) in log.error_message
    paid = Sale.objects.filter(status="paid").values_list("amocrm_deal_id", flat=True)
    assert set(paid) == {three[0].id, three[2].id}


def test_a_worker_killed_between_the_deals_of_a_delivery_loses_none(
    connected: UserAccount, at_its_last_try: list[Deal]
) -> None:
    step = 1
    while not drain_until_killed(connected, step):
        step += 3
    assert step > 60, "killed before, between and after them"
    assert_only_the_refused_deal_is_missing(at_its_last_try)


def test_an_outage_between_the_deals_of_a_delivery_loses_none(
    connected: UserAccount, told: Server, at_its_last_try: list[Deal]
) -> None:
    _first, refused, last = at_its_last_try
    told.crm.faults.outage(prefix=f"/api/v4/leads/{last.id}")
    drain_all(connected)
    assert Sale.objects.count() == 1
    assert statuses(connected) == ["received"]
    told.crm.faults.clear()
    told.crm.faults.answer(422, prefix=f"/api/v4/leads/{refused.id}")
    make_due(connected)
    drain_all(connected)
    assert_only_the_refused_deal_is_missing(at_its_last_try)


def test_without_rights_for_contacts_a_won_deal_is_a_sale_all_the_same(connected: UserAccount, told: Server) -> None:
    deals = told.crm.demo.deals
    won = [deals.create("deal", price=700, phone=f"+7701111111{n}").id for n in range(8)]
    for deal_id in won:
        deals.win(deal_id)
    take_over(connected, told)
    told.crm.faults.answer(403, prefix="/api/v4/contacts")
    asked_before = len(told.crm.requests)
    drain_all(connected)
    assert len(told.crm.requests) - asked_before <= 8, "it is not asked contact by contact"
    assert set(statuses(connected)) == {"success"}
    assert set(Sale.objects.values_list("amocrm_deal_id", "status")) == {(deal_id, "paid") for deal_id in won}
    messages = WebhookLog.objects.exclude(lead_id=None).values_list("error_message", flat=True)
    assert all("has no right" in message for message in messages)


def test_a_contact_that_amocrm_refuses_to_show_hides_no_other(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    made = [demo.deals.create("deal", phone=f"+7701111111{n}", created_at=1000 + n, silent=True) for n in range(3)]
    seed_bulk(demo, 600)  # they are beyond the newest page, and read by their ids
    refused = made[1].contact_ids[0]
    told.crm.faults.answer(422, prefix=f"/api/v4/contacts/{refused}")
    deliver(connected, form(**{f"leads[add][{n}][id]": deal.id for n, deal in enumerate(made)}))
    drain_all(connected)
    log = WebhookLog.objects.get()
    assert (log.processing_status, log.attempts) == ("success", 1)
    assert f"contacts/{refused}" in log.error_message
    phones = dict(Lead.objects.values_list("amocrm_lead_id", "phone_e164"))
    assert phones == {made[0].id: "+77011111110", made[1].id: None, made[2].id: "+77011111112"}


def test_deleted_and_restored_deals_whatever_came_last(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    deal = demo.deals.create("Имплант", phone="+77011234567")
    take_over(connected, told)
    drain_all(connected)
    demo.deals.delete(deal.id)
    deleted = bodies(told)
    take_over(connected, told)
    drain_all(connected)
    assert Lead.objects.get().is_deleted
    demo.deals.restore(deal.id)
    take_over(connected, told)
    drain_all(connected)
    assert not Lead.objects.get().is_deleted
    for body in deleted:  # late and again
        deliver(connected, body)
    drain_all(connected)
    assert not Lead.objects.get().is_deleted


def test_a_restoring_told_by_its_number_alone_is_believed_and_a_deletion_told_again_costs_nothing(
    connected: UserAccount, told: Server
) -> None:
    deals = told.crm.demo.deals
    deal = deals.create("deal", phone="+77011234567")
    take_over(connected, told)
    drain_all(connected)
    deals.delete(deal.id, silent=True)
    requests: list[int] = []
    for _time in range(2):
        deliver(connected, form(**{"leads[delete][0][id]": deal.id}))
        drain_all(connected)
        assert Lead.objects.get().is_deleted
        requests.append(len(told.crm.requests))
    assert requests[0] == requests[1]
    deals.restore(deal.id, silent=True)
    deliver(connected, form(**{"leads[restore][0][id]": deal.id}))
    drain_all(connected)
    assert Lead.objects.get().is_deleted is False


def test_a_contacts_phone_that_comes_later_finds_the_lead(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    lead = response(connected, "+77011234567")
    deal = demo.deals.create("Имплант", contact_name="Aida")
    take_over(connected, told)
    drain_all(connected)
    assert Lead.objects.count() == 2
    demo.contacts.add_phone(deal.contact_ids[0], "8 701 123 45 67")
    take_over(connected, told)
    drain_all(connected)
    lead.refresh_from_db()
    assert Lead.objects.count() == 1
    assert lead.amocrm_lead_id == deal.id


@pytest.mark.parametrize("before", ["no contact", "one without a phone"])
@pytest.mark.parametrize("becomes", ["the main one", "another"])
@pytest.mark.parametrize("names_deals", [True, False])
def test_the_phone_of_a_contact_that_the_deal_got_later_finds_the_lead(
    connected: UserAccount, told: Server, before: str, becomes: str, names_deals: bool
) -> None:
    demo = told.crm.demo
    lead = response(connected, "+77011234567")
    deal = demo.deals.create("Имплант", contact_name="" if before == "no contact" else "someone in Instagram")
    take_over(connected, told)
    drain_all(connected)
    contact = demo.contacts.create("Aida", silent=True)
    demo.deals.link(deal.id, contact.id, main=becomes == "the main one", silent=True)
    demo.contacts.add_phone(contact.id, "8 701 123 45 67")
    [body] = bodies(told)
    fields = [field for field in body.split("&") if names_deals or "linked_leads_id" not in field]
    deliver(connected, "&".join(fields))  # most hooks of contacts do not name their deals
    drain_all(connected)
    lead.refresh_from_db()
    assert lead.amocrm_lead_id == deal.id
    assert set(statuses(connected)) == {"success"}


@pytest.mark.parametrize("is_linked_before", [True, False])
def test_a_contacts_hook_with_the_id_only_has_the_contact_read(
    connected: UserAccount, told: Server, is_linked_before: bool
) -> None:
    demo = told.crm.demo
    lead = response(connected, "+77011234567")
    contact = demo.contacts.create("Aida", silent=True)
    deal = demo.deals.create("Имплант")
    if is_linked_before:
        demo.deals.link(deal.id, contact.id, main=True, silent=True)
    take_over(connected, told)
    drain_all(connected)
    if not is_linked_before:
        demo.deals.link(deal.id, contact.id, main=True, silent=True)
    demo.contacts.add_phone(contact.id, "8 701 123 45 67", silent=True)
    deliver(connected, form(**{"contacts[update][0][id]": contact.id}))
    drain_all(connected)
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, Lead.objects.count()) == (deal.id, 1)


@pytest.mark.parametrize(("contacts", "requests", "sync_due"), [(20, 21, False), (21, 0, True)])
def test_many_contacts_that_no_deal_is_known_to_have_are_left_to_a_sync(
    connected: UserAccount, told: Server, contacts: int, requests: int, sync_due: bool
) -> None:
    for index in range(contacts):
        told.crm.demo.contacts.create(f"contact {index}", phone=f"+7701{index:07d}", at=index + 1)
    for index in range(250):  # what has changed since fills amoCRM's newest page
        told.crm.demo.contacts.create(f"younger {index}", silent=True)
    deliver_together(connected, bodies(told))
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}
    assert len([request for request in told.crm.requests if "/contacts" in request.path]) == requests
    assert SyncDue.objects.exists() == sync_due


def test_many_contacts_without_a_phone_keep_no_other_from_being_found(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    lead = response(connected, "+77011234567")
    deal = demo.deals.create("Имплант")
    for index in range(21):
        silent = demo.contacts.create(f"instagram {index}", silent=True)
        demo.deals.link(demo.deals.create(f"deal {index}").id, silent.id, main=True, silent=True)
    take_over(connected, told)
    drain_all(connected)
    aida = demo.contacts.create("Aida", phone="8 701 123 45 67")
    demo.deals.link(deal.id, aida.id, main=True, silent=True)
    for contact in list(demo.contacts.by_id.values())[:21]:
        demo.contacts.change(contact.id, name=f"{contact.name} again")
    deliver_together(connected, bodies(told))
    drain_all(connected)
    lead.refresh_from_db()
    assert lead.amocrm_lead_id == deal.id


@pytest.fixture
def of_old(amocrm: Server, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Forty deals that are not among what changed last, where twenty are a bulk and ten a page."""
    monkeypatch.setattr(lookups, "_MOST_ALONE", 5)
    monkeypatch.setattr(lookups, "PAGE", 10)
    monkeypatch.setattr(deliveries, "BATCH_ROWS", 20)
    create = amocrm.crm.demo.deals.create
    deals = [create(f"old {number}", phone=f"+770111111{number}") for number in range(10, 50)]
    amocrm.crm.clock.advance(60)
    for number in range(10, 50):
        create(f"new {number}", phone=f"+770222222{number}")
    return [deal.id for deal in deals]


def bulk(ids: Iterable[int]) -> str:
    return form(**{f"leads[update][{number}][id]": deal_id for number, deal_id in enumerate(ids)})


@pytest.mark.parametrize("is_there", [True, False])
def test_a_delivery_that_names_many_deals_of_old_costs_no_request_for_each(
    connected: UserAccount, amocrm: Server, of_old: list[int], is_there: bool
) -> None:
    ids = of_old if is_there else list(range(1, 41))
    late = amocrm.crm.demo.deals.create("late", phone="+77033333333")
    deliver(connected, bulk(ids))
    deliver(connected, form(**{"leads[add][0][id]": late.id}))
    before = len(amocrm.crm.requests)
    drain_all(connected)
    assert len(amocrm.crm.requests) - before <= 20
    assert statuses(connected) == ["partial", "success"]
    assert "35 deals" in WebhookLog.objects.earliest("id").error_message
    assert set(known_deals(connected)) == {late.id, *(ids[:5] if is_there else ())}
    assert SyncDue.objects.filter(user_account=connected).exists()
    sync(connected)
    assert set(known_deals(connected)) >= set(of_old)
    assert not Lead.objects.filter(amocrm_lead_id__in=ids, contact_phone="").exists()


def test_a_deal_of_a_bulk_whose_client_is_not_read_is_left_to_a_sync_with_it(
    connected: UserAccount, amocrm: Server, of_old: list[int]
) -> None:
    sync(connected)
    Lead.objects.filter(amocrm_lead_id__in=of_old).delete()
    amocrm.crm.clock.advance(60)
    for deal_id in of_old:
        amocrm.crm.demo.deals.set_price(deal_id, 777)  # among what changed last now, as their clients are not
    deliver(connected, bulk(of_old))
    drain_all(connected)
    assert Lead.objects.filter(amocrm_lead_id__in=of_old).count() == 5
    sync(connected)
    assert Lead.objects.filter(amocrm_lead_id__in=of_old, price=777).exclude(contact_phone="").count() == 40


def test_routing_stands_on_every_processed_delivery_about_a_deal(connected: UserAccount, told: Server) -> None:
    Targetologist.objects.create(user_account=connected, name="Kenesary", emoji="👑", patterns=["tripwire"])
    demo = told.crm.demo
    demo.deals.create("a", utm={"source": "fb", "campaign": "Tripwire_1"})
    demo.deals.create("b", utm={"source": "ref_TEST"})
    demo.deals.create("c", utm={"source": "REF_x", "campaign": "tripwire"})
    demo.deals.create("d")
    take_over(connected, told)
    drain_all(connected)
    about_deals = WebhookLog.objects.exclude(lead_id=None).order_by("id")
    assert list(about_deals.values_list("routing_decision", flat=True)) == ["traffic", "referral", "both", "unknown"]
    assert about_deals[0].routing_reason == "traffic: 'tripwire' in utm_campaign → Kenesary 👑"
    assert "add" in (about_deals[0].deal_data or {})["leads"]


def test_one_drain_at_a_time_and_a_dead_ones_lease_lapses(connected: UserAccount, told: Server) -> None:
    told.crm.demo.deals.create("Имплант")
    take_over(connected, told)
    connection = AmoCRMConnection.objects.get()
    held = take_lease(connection.pk)
    assert held is not None
    assert take_lease(connection.pk) is None
    drain_all(connected)
    assert set(statuses(connected)) == {"received"}
    assert accounts_in_need() == []
    AmoCRMConnection.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert accounts_in_need() == [connected.pk]
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}


def test_the_sweep_leaves_alone_who_cannot_be_worked_for(connected: UserAccount) -> None:
    deliver(connected, form(**{"leads[add][0][id]": 5}))
    assert accounts_in_need() == [connected.pk]
    AmoCRMConnection.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=30))
    assert accounts_in_need() == []
    AmoCRMConnection.objects.update(next_attempt_at=None, state=ConnectionState.RECONNECT_NEEDED)
    assert accounts_in_need() == []


def test_what_changes_within_the_second_of_a_reading_is_read_again(connected: UserAccount, amocrm: Server) -> None:
    amocrm.crm.hook_faults.lose_all = True
    demo = amocrm.crm.demo
    demo.subscribe("http://127.0.0.1:9/", ["add_lead", "update_lead", "status_lead"])
    now = demo.clock.now()
    deals, as_fields = demo.deals, demo.deals.fields.plain
    deal_id = deals.create("deal", price=10, phone="+77011111111", created_at=now).id
    changes: list[DealChanges] = [
        {"status_id": 142},
        {"price": 20},
        {"values": as_fields({"UTM_SOURCE": "ig"})},
        {"values": as_fields({"UTM_SOURCE": "fb"})},
        {"status_id": 143},
    ]
    for change, source in zip(changes, ["", "", "ig", "fb", "fb"], strict=True):
        deals.change(deal_id, at=now, **change)
        take_over(connected, amocrm)
        drain_all(connected)
        lead = Lead.objects.get(amocrm_lead_id=deal_id)
        assert (lead.current_status_id, lead.price) == (deals[deal_id].status_id, Decimal(deals[deal_id].price))
        assert lead.utm_source == source


def test_a_contact_that_is_linked_in_the_second_of_the_reading_is_found(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    now = demo.clock.now()
    lead = response(connected, "+77011234567")
    contact = demo.contacts.create("Aida", phone="8 701 123 45 67", silent=True)
    deal = demo.deals.create("Имплант", created_at=now)
    take_over(connected, told)
    drain_all(connected)
    demo.deals.link(deal.id, contact.id, main=True, silent=True)
    demo.deals.change(deal.id, at=now)
    take_over(connected, told)
    drain_all(connected)
    lead.refresh_from_db()
    assert lead.amocrm_lead_id == deal.id


@contextmanager
def before_the_migration(table: str, column: str) -> Iterator[None]:
    """The table lacks a column that this code knows."""
    rename = f'ALTER TABLE {table} RENAME COLUMN "{{}}" TO "{{}}"'.format
    with connection.cursor() as cursor:
        cursor.execute(rename(column, "not_yet"))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(rename("not_yet", column))


def test_a_worker_that_was_started_before_its_migration_leaves_the_backlog_as_it_is(
    connected: UserAccount, told: Server
) -> None:
    told.crm.demo.deals.create("Имплант", phone="+77011234567")
    take_over(connected, told)
    with before_the_migration("leads", "deal_name"), pytest.raises(DatabaseError):
        drain_all(connected)
    logs = WebhookLog.objects.filter(user_account=connected)
    assert set(logs.values_list("processing_status", "attempts")) == {("received", 0)}
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}
