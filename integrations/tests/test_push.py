"""Leads to amoCRM: what is sent, and exactly one deal of each whatever happens on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from analytics.models import Sale
from integrations.amocrm.pushing import MadeDeal, find_deals
from integrations.amocrm.tokens import ConnectionTokens
from integrations.models import AmoCRMConnection, ConnectionState, LeadPush, Problem, SaleNotification
from integrations.push import sending
from integrations.push.claims import Claim, accounts_in_need
from integrations.push.queue import push_again, push_enqueue
from integrations.push.sending import push_account
from integrations.tests import admin_world
from integrations.tests.sync_world import gaps, sync
from integrations.tests.world import bodies, connect, deliver, drain_all
from leads.models import (
    Lead,
    LeadSource,
    LeadStatusHistory,
    MatchMethod,
    Membership,
    PushState,
    Role,
    User,
    UserAccount,
)
from leads.services.leads import lead_enter
from leads.tests.cast import client
from leads.tests.world import whole_state
from sandbox import Server, seed_bulk

ALL_EVENTS = ["add_lead", "update_lead", "status_lead", "delete_lead", "restore_lead", "add_contact", "update_contact"]
NOWHERE = "http://127.0.0.1:9/hook"
COMPLEX = "/api/v4/leads/complex"


@pytest.fixture
def told(amocrm: Server) -> Server:
    """A sandbox whose hooks never arrive: tests deliver them as they like."""
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.demo.subscribe(NOWHERE, ALL_EVENTS)
    return amocrm


def entered(account: UserAccount, phone: str = "8 701 123 45 67", **values: Any) -> Lead:
    with transaction.atomic():
        lead, _is_new = lead_enter(account=account, phone=phone, source=LeadSource.WEBSITE, **values)
        push_enqueue(lead)
    LeadPush.objects.update(next_attempt_at=None)  # its time of grace is over
    return lead


def push(account: UserAccount) -> list[float]:
    rings: list[float] = []
    push_account(account.pk, ring_again=rings.append)
    return rings


def make_due(*, is_settled: bool = True) -> None:
    """The future is now: leases have lapsed, and what was under way has arrived or never will."""
    LeadPush.objects.update(next_attempt_at=None, lease_until=None)
    AmoCRMConnection.objects.update(next_attempt_at=None)
    if is_settled:
        LeadPush.objects.exclude(settles_at=None).update(settles_at=timezone.now())


def tell(account: UserAccount, server: Server) -> None:
    """Deliver what amoCRM has told, and work it off."""
    make_due(is_settled=False)
    for body in bodies(server):
        deliver(account, body)
    drain_all(account)


def deals(server: Server) -> list[Any]:
    return sorted(server.crm.demo.deals.by_id.values(), key=lambda deal: deal.id)


def sent(server: Server, method: str = "POST") -> int:
    return sum(request.path.startswith(COMPLEX) and request.method == method for request in server.crm.requests)


def states(account: UserAccount) -> list[str]:
    return list(Lead.objects.filter(user_account=account).order_by("id").values_list("push_state", flat=True))


def test_a_lead_becomes_a_deal_with_contact_utm_tag_and_pipeline(connected: UserAccount, told: Server) -> None:
    demo = told.crm.demo
    pipeline = demo.pipelines.add("Вторая", ["Новая"])
    lead = entered(connected, name="Аида", push_pipeline_id=pipeline.id, utm=_utm(source="ig", campaign="tripwire"))
    assert lead.push_state == PushState.PENDING
    push(connected)
    (deal,) = deals(told)
    contact = demo.contacts.by_id[deal.contact_ids[0]]
    assert (deal.name, deal.pipeline_id, contact.name) == ("Аида", pipeline.id, "Аида")
    assert {demo.deals.tags.by_id[tag].name for tag in deal.tag_ids} == {"Voronka", f"voronka-{lead.pk}"}
    values = {demo.deals.fields.by_id[field].code: rows[0]["value"] for field, rows in deal.values.items()}
    assert values == {"UTM_SOURCE": "ig", "UTM_CAMPAIGN": "tripwire"}
    phones = [row for rows in contact.values.values() for row in rows]
    assert [(row["value"], row["enum_code"]) for row in phones] == [("+77011234567", "WORK")]
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, lead.amocrm_contact_id) == (deal.id, contact.id)
    assert (lead.push_state, lead.match_method) == (PushState.PUSHED, MatchMethod.DEAL_ID)
    assert str(deal.id) in lead.match_detail
    assert (lead.current_pipeline_id, lead.current_status_id) == (pipeline.id, deal.status_id)
    assert (lead.source, lead.utm_source) == (LeadSource.WEBSITE, "ig")


def _utm(**values: str) -> Any:
    from leads.news import Utm

    return Utm(**values)


def test_without_a_connection_nothing_waits_and_connecting_sends_nothing_of_before(
    alfa: UserAccount, amocrm: Server
) -> None:
    connect(UserAccount.objects.create(name="Bravo"), amocrm, amocrm.crm.add_account("bravo"))
    assert entered(alfa).push_state == PushState.NONE
    connect(alfa, amocrm)
    push(alfa)
    assert deals(amocrm) == []


def test_a_disconnected_account_queues_nothing_one_to_be_renewed_does(connected: UserAccount, told: Server) -> None:
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED)
    assert entered(connected, "+77010000001").push_state == PushState.NONE
    AmoCRMConnection.objects.update(state=ConnectionState.RECONNECT_NEEDED)
    assert entered(connected, "+77010000002").push_state == PushState.PENDING
    push(connected)
    assert (deals(told), accounts_in_need()) == ([], [])
    AmoCRMConnection.objects.update(state=ConnectionState.CONNECTED)
    assert accounts_in_need() == [connected.pk]
    push(connected)
    assert len(deals(told)) == 1


def test_leads_that_come_together_go_together(connected: UserAccount, told: Server) -> None:
    leads = [entered(connected, f"+7701{number:07d}") for number in range(45)]
    push(connected)
    assert sent(told) == 2
    assert len(deals(told)) == 45
    tied = Lead.objects.in_bulk([lead.pk for lead in leads])
    phones = {deal.id: told.crm.demo.contacts.by_id[deal.contact_ids[0]] for deal in deals(told)}
    for lead in tied.values():
        contact = phones[lead.amocrm_lead_id or 0]
        assert [row["value"] for rows in contact.values.values() for row in rows] == [lead.phone_e164]


@pytest.mark.parametrize("fault", ["lose_answer", "truncate"])
def test_a_lost_answer_makes_no_second_deal(connected: UserAccount, told: Server, fault: str) -> None:
    lead = entered(connected)
    getattr(told.crm.faults, fault)(prefix=COMPLEX)
    assert push(connected)  # and asks for another turn
    assert AmoCRMConnection.objects.get().problem_code == Problem.OUTAGE
    make_due(is_settled=False)
    push(connected)
    (deal,) = deals(told)
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, lead.push_state, sent(told)) == (deal.id, PushState.PUSHED, 1)
    assert AmoCRMConnection.objects.get().problem_code == ""


def test_a_lost_answer_makes_no_second_deal_where_deals_come_in_another_order(
    connected: UserAccount, told: Server
) -> None:
    seed_bulk(told.crm.demo, 300)
    before = len(deals(told))
    told.crm.switches.order_as_asked = False
    entered(connected, "8 799 123 45 67")
    told.crm.faults.lose_answer(prefix=COMPLEX)
    push(connected)
    make_due()
    push(connected)
    assert (len(deals(told)) - before, sent(told)) == (1, 1)


def test_a_request_that_never_arrived_is_sent_again_once_it_cannot_be_under_way(
    connected: UserAccount, told: Server
) -> None:
    lead = entered(connected)
    fault = told.crm.faults.outage(prefix=COMPLEX)
    push(connected)
    told.crm.faults.lift(fault)
    make_due(is_settled=False)
    push(connected)
    assert deals(told) == []  # it may still be on its way
    make_due()
    push(connected)
    lead.refresh_from_db()
    assert lead.push_state == PushState.PUSHED
    assert [deal.id for deal in deals(told)] == [lead.amocrm_lead_id]


@pytest.mark.parametrize(("quick_until", "seconds"), [(10.0, 8), (0.0, 60)])
def test_what_amocrm_was_slow_to_answer_may_be_under_way_for_longer(
    connected: UserAccount, told: Server, monkeypatch: pytest.MonkeyPatch, quick_until: float, seconds: int
) -> None:
    monkeypatch.setattr(sending, "_QUICK_SECONDS", quick_until)
    entered(connected)
    told.crm.faults.outage(prefix=COMPLEX)
    push(connected)
    settles_at = LeadPush.objects.get().settles_at
    assert settles_at is not None
    assert seconds - 5 < (settles_at - timezone.now()).total_seconds() <= seconds


def test_a_machine_whose_clock_is_ahead_waits_as_long_for_what_may_be_under_way(
    connected: UserAccount, told: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(connected)
    fault = told.crm.faults.outage(prefix=COMPLEX)
    push(connected)
    told.crm.faults.lift(fault)
    make_due(is_settled=False)
    now = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(minutes=2))
    push(connected)
    assert deals(told) == []


def test_what_may_have_arrived_while_it_was_looked_for_is_looked_for_again(
    connected: UserAccount, told: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(connected)
    fault = told.crm.faults.outage(prefix=COMPLEX)
    push(connected)
    told.crm.faults.lift(fault)
    make_due(is_settled=False)

    now = timezone.now

    def look_slowly(*asked: Any) -> dict[int, MadeDeal]:
        found = find_deals(*asked)
        make_due()
        monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(minutes=2))
        return found

    monkeypatch.setattr(sending, "find_deals", look_slowly)
    push(connected)
    assert deals(told) == []
    monkeypatch.undo()
    make_due()
    push(connected)
    assert len(deals(told)) == 1


@pytest.mark.parametrize("has_arrived", [True, False])
def test_a_worker_killed_while_it_waits_for_the_answer_leaves_one_deal(
    connected: UserAccount, told: Server, has_arrived: bool
) -> None:
    lead = entered(connected)
    push(connected) if has_arrived else None
    # As it stood when the worker died: sent, and nothing written of an answer.
    Lead.objects.filter(pk=lead.pk).update(amocrm_lead_id=None, match_method=None, push_state=PushState.PENDING)
    LeadPush.objects.update(state=PushState.PENDING, sent_at=timezone.now() - timedelta(minutes=2))
    make_due()
    push(connected)
    lead.refresh_from_db()
    assert ([deal.id for deal in deals(told)], lead.push_state) == ([lead.amocrm_lead_id], PushState.PUSHED)


def test_a_hook_before_the_answer_ends_in_one_row_of_the_right_lead(connected: UserAccount, told: Server) -> None:
    first = entered(connected, name="first")
    told.crm.faults.lose_answer(prefix=COMPLEX)
    push(connected)
    second = entered(connected, name="second")  # the same phone: by it the newest would get the deal
    LeadPush.objects.filter(lead=second).delete()
    tell(connected, told)
    second.refresh_from_db()
    (deal,) = deals(told)
    assert second.amocrm_lead_id == deal.id
    make_due()
    push(connected)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.amocrm_lead_id, first.match_method, second.amocrm_lead_id) == (deal.id, MatchMethod.DEAL_ID, None)
    assert second.match_method is None
    assert Lead.objects.count() == 2
    assert set(LeadStatusHistory.objects.values_list("lead_id", flat=True)) == {first.pk}


def test_a_hook_that_made_a_row_of_its_own_gives_the_deal_back(connected: UserAccount, told: Server) -> None:
    lead = entered(connected, phone="", name="no phone")  # nothing by which the deal could be matched
    told.crm.faults.lose_answer(prefix=COMPLEX)
    push(connected)
    tell(connected, told)
    assert Lead.objects.count() == 2
    make_due()
    push(connected)
    (left,) = Lead.objects.all()
    assert (left.pk, left.amocrm_lead_id, left.name) == (lead.pk, deals(told)[0].id, "no phone")
    assert set(LeadStatusHistory.objects.values_list("lead_id", flat=True)) == {lead.pk}


def test_our_own_echo_is_no_news(connected: UserAccount, told: Server) -> None:
    entered(connected)
    push(connected)
    before = whole_state(connected)
    requests = len(told.crm.requests)
    tell(connected, told)
    assert whole_state(connected) == before
    assert len(told.crm.requests) == requests


def test_an_echo_that_was_lost_is_no_gap(connected: UserAccount, told: Server) -> None:
    sync(connected)
    entered(connected, name="Айгуль")
    push(connected)
    run = sync(connected)
    assert (gaps(connected), run.drift_count, run.updated) == ([], 0, 0)


def test_a_deal_made_by_hand_for_a_waiting_lead_is_enough(connected: UserAccount, told: Server) -> None:
    lead = entered(connected)
    told.crm.demo.deals.create("by hand", phone="+77011234567")
    tell(connected, told)
    push(connected)
    lead.refresh_from_db()
    assert (lead.push_state, lead.match_method, len(deals(told))) == (PushState.NONE, MatchMethod.PHONE, 1)


def test_who_has_nothing_to_send_does_not_say_that_amocrm_answers(connected: UserAccount, told: Server) -> None:
    entered(connected)
    told.crm.demo.deals.create("by hand", phone="+77011234567")
    tell(connected, told)
    AmoCRMConnection.objects.update(problem_code=Problem.OUTAGE, failures=5)
    push(connected)
    assert not LeadPush.objects.exists()
    assert AmoCRMConnection.objects.get().problem_code == Problem.OUTAGE


def test_a_deal_by_hand_is_enough_also_for_a_lead_whose_request_was_lost(connected: UserAccount, told: Server) -> None:
    lead = entered(connected)
    told.crm.faults.outage(prefix=COMPLEX, times=1)
    push(connected)
    told.crm.demo.deals.create("by hand", phone="+77011234567")
    tell(connected, told)
    make_due()
    push(connected)
    lead.refresh_from_db()
    assert (lead.push_state, lead.match_method, len(deals(told))) == (PushState.NONE, MatchMethod.PHONE, 1)


def test_a_deal_by_hand_that_took_the_lead_of_ours_moves_to_a_row_of_its_own(
    connected: UserAccount, told: Server
) -> None:
    lead = entered(connected)
    told.crm.faults.lose_answer(prefix=COMPLEX)
    push(connected)
    told.crm.courier.clear()  # the hook of our own deal never comes
    by_hand = told.crm.demo.deals.create("by hand", phone="+77011234567")
    tell(connected, told)
    assert Lead.objects.get().amocrm_lead_id == by_hand.id
    make_due()
    push(connected)
    lead.refresh_from_db()
    assert [deal.id for deal in deals(told)] == sorted([lead.amocrm_lead_id or 0, by_hand.id])
    other = Lead.objects.get(amocrm_lead_id=by_hand.id)
    assert (other.source, other.match_method) == (LeadSource.AMOCRM, MatchMethod.REPEAT)
    assert other.origin_lead_id == lead.pk
    assert set(other.status_history.values_list("amocrm_lead_id", flat=True)) == {by_hand.id}


def test_one_bad_lead_of_a_batch_fails_alone_and_may_be_sent_again(connected: UserAccount, told: Server) -> None:
    good = [entered(connected, "+77010000001"), entered(connected, "+77010000003")]
    bad = entered(connected, "+77010000002", push_pipeline_id=99)
    good.append(entered(connected, "+77010000004"))
    push(connected)
    assert states(connected) == ["pushed", "pushed", "failed", "pushed"]
    assert len(deals(told)) == 3
    assert LeadPush.objects.get(lead=bad).detail
    Lead.objects.filter(pk=bad.pk).update(push_pipeline_id=None)
    assert push_again(LeadPush.objects.all()) == 1
    push(connected)
    assert states(connected) == ["pushed"] * 4
    assert len(deals(told)) == 4


@pytest.mark.parametrize(
    ("status", "problem"), [(402, Problem.UNPAID), (502, Problem.OUTAGE), (429, Problem.RATE_LIMITED)]
)
def test_trouble_of_the_connection_waits(connected: UserAccount, told: Server, status: int, problem: Problem) -> None:
    entered(connected)
    told.crm.faults.answer(status, prefix=COMPLEX, retry_after=20 if status == 429 else 0)
    rings = push(connected)
    assert states(connected) == ["pending"]
    assert AmoCRMConnection.objects.get().problem_code == problem
    assert rings
    told.crm.faults.clear()
    from integrations.models import RateSlot

    RateSlot.objects.update(paused_until=0)
    make_due()
    push(connected)
    assert states(connected) == ["pushed"]
    assert len(deals(told)) == 1


def test_two_workers_never_have_the_same_lead(connected: UserAccount, told: Server) -> None:
    for number in range(50):
        entered(connected, f"+7701{number:07d}")
    first, second = Claim(connected.pk), Claim(connected.pk)
    assert (len(first.rows), len(second.rows)) == (40, 10)
    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}
    assert push(connected) == []  # others are at it
    assert deals(told) == []


def test_a_worker_that_waits_for_a_token_until_its_claim_has_lapsed_sends_nothing(
    connected: UserAccount, told: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was renewing it was killed: others get a token only once that lease has lapsed, after 90 s."""
    lead = entered(connected)
    usable = ConnectionTokens.usable
    waited: list[list[float]] = []

    def wait(self: ConnectionTokens) -> str | None:
        if not waited:
            waited.append([])
            an_age_ago = timezone.now() - timedelta(seconds=30)
            LeadPush.objects.update(lease_until=an_age_ago)
            LeadPush.objects.exclude(settles_at=None).update(settles_at=an_age_ago)
            waited.append(push(connected))  # the sweep has rung for another worker meanwhile
        return usable(self)

    monkeypatch.setattr(ConnectionTokens, "usable", wait)
    push(connected)
    lead.refresh_from_db()
    assert len(waited) == 2
    assert [deal.id for deal in deals(told)] == [lead.amocrm_lead_id]
    assert (lead.push_state, sent(told)) == (PushState.PUSHED, 1)


def test_workers_at_the_same_time_make_one_deal_of_each_lead(connected: UserAccount, told: Server) -> None:
    for number in range(60):
        entered(connected, f"+7701{number:07d}")
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _turn: _push_in_a_thread(connected), range(8)))
    push(connected)
    assert len(deals(told)) == 60
    assert states(connected) == ["pushed"] * 60


def _push_in_a_thread(account: UserAccount) -> None:
    try:
        push(account)
    finally:
        connections.close_all()


# --- Over the API ---


@pytest.fixture
def api(alfa: UserAccount) -> Any:
    user = User.objects.create_user("alice@x.kz", "pw")
    Membership.objects.create(user=user, user_account=alfa, role=Role.STAFF)
    return client(user)


def test_post_leads_answers_pending_once_connected_and_the_same_lead_is_sent_once(
    connected: UserAccount, told: Server, api: Any
) -> None:
    typed = {"name": "Aida", "phone": "8 701 123 45 67", "external_id": "form-1"}
    first, again = (api.post("/leads", typed, format="json") for _time in range(2))
    assert (first.status_code, first.json()["push_state"]) == (201, "pending")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    push(connected)
    assert deals(told) == []  # its own channel may be bringing it to amoCRM just now
    make_due()
    push(connected)
    push(connected)
    assert api.get(f"/leads/{first.json()['id']}").json()["push_state"] == "pushed"
    assert len(deals(told)) == 1


def test_a_lead_whose_own_deal_comes_in_time_is_not_sent(connected: UserAccount, told: Server, api: Any) -> None:
    lead_id = api.post("/leads", {"name": "Aida", "phone": "8 701 123 45 67"}, format="json").json()["id"]
    deal = told.crm.demo.deals.create("WhatsApp", phone="+77011234567")
    tell(connected, told)
    make_due()
    push(connected)
    lead = api.get(f"/leads/{lead_id}").json()
    assert (lead["amocrm_lead_id"], lead["match_method"], lead["push_state"]) == (deal.id, "phone", "none")
    assert len(deals(told)) == 1


@pytest.mark.parametrize("is_the_webs", [True, False])
def test_where_clocks_differ_a_lead_waits_as_long_for_its_own_deal(
    connected: UserAccount, told: Server, api: Any, monkeypatch: pytest.MonkeyPatch, is_the_webs: bool
) -> None:
    now = timezone.now
    with monkeypatch.context() as there:
        there.setattr(timezone, "now", lambda: now() - timedelta(seconds=60 if is_the_webs else 0))
        api.post("/leads", {"name": "Aida", "phone": "8 701 123 45 67"}, format="json")
    with monkeypatch.context() as there:
        there.setattr(timezone, "now", lambda: now() + timedelta(seconds=0 if is_the_webs else 60))
        (again,) = push(connected)
    assert deals(told) == []
    assert 8 < again <= 10


def test_post_leads_without_a_connection_answers_none(alfa: UserAccount, api: Any) -> None:
    answer = api.post("/leads", {"name": "Aida"}, format="json")
    assert (answer.status_code, answer.json()["push_state"]) == (201, "none")
    assert api.post(f"/leads/{answer.json()['id']}/push").status_code == 409


def test_a_lead_from_before_the_connection_is_sent_by_hand(alfa: UserAccount, amocrm: Server, api: Any) -> None:
    lead_id = api.post("/leads", {"name": "Aida"}, format="json").json()["id"]
    connect(alfa, amocrm)
    for _time in range(2):
        assert api.post(f"/api/leads/{lead_id}/push/").json()["push_state"] == "pending"
    push(alfa)
    assert api.post(f"/leads/{lead_id}/push").json()["push_state"] == "pushed"
    push(alfa)
    assert len(deals(amocrm)) == 1


@pytest.mark.parametrize(("name", "state"), [("sam", "pending"), ("vera", "failed"), ("bob", "failed")])
def test_staff_sends_again_in_the_admin_and_nobody_else(transactional_db: None, name: str, state: str) -> None:
    world = admin_world.build()
    chosen = {"action": "push_again_selected", "_selected_action": [world.rows[LeadPush].pk]}
    world.client(name).post(admin_world.address(LeadPush, "changelist"), chosen)
    assert LeadPush.objects.get().state == state


def test_a_deal_that_was_won_before_we_read_it_back_is_told_of(connected: UserAccount, told: Server) -> None:
    told.crm.faults.lose_answer(prefix=COMPLEX)
    entered(connected)
    push(connected)
    (deal,) = deals(told)
    told.crm.demo.deals.win(deal.id, price=1000)
    make_due()
    push(connected)
    sale = Sale.objects.get()
    assert (sale.amocrm_deal_id, sale.is_met_by_sync) == (deal.id, False)
    assert SaleNotification.objects.filter(sale=sale).exists()


# --- amoCRM's control of duplicates ---


@pytest.fixture
def doubles(connected: UserAccount, told: Server) -> Any:
    """A deal of the phone that `entered` takes, known here; amoCRM puts what comes later into it."""
    demo = told.crm.demo
    demo.profile.has_duplicate_control = True
    deal = demo.deals.create("of old", price=100, phone="+7 701 123-45-67", contact_name="Aida")
    sync(connected)
    told.crm.clock.advance(60)
    return deal


def test_a_lead_that_amocrm_puts_into_a_known_deal_becomes_that_deal(
    connected: UserAccount, told: Server, doubles: Any
) -> None:
    lead = entered(connected, name="Аида")
    push(connected)
    tell(connected, told)
    assert [deal.id for deal in deals(told)] == [doubles.id]
    (left,) = Lead.objects.all()
    assert (left.pk, left.amocrm_lead_id, left.push_state) == (lead.pk, doubles.id, PushState.PUSHED)
    assert (left.amocrm_contact_id, left.match_method) == (doubles.contact_ids[0], MatchMethod.DEAL_ID)
    assert f"duplicate control put this lead into deal {doubles.id}" in left.match_detail
    assert set(LeadStatusHistory.objects.values_list("lead_id", flat=True)) == {left.pk}
    told.crm.demo.deals.win(doubles.id)
    tell(connected, told)
    tell(connected, told)
    (sale,) = Sale.objects.all()
    assert (sale.lead_id, sale.amount, sale.status) == (left.pk, Decimal(100), "paid")


def test_of_two_leads_that_amocrm_puts_into_one_deal_the_first_is_it_and_neither_is_sent_again(
    connected: UserAccount, told: Server, doubles: Any
) -> None:
    first = entered(connected, name="first")
    push(connected)
    second = entered(connected, name="second")
    push(connected)
    make_due()
    push(connected)
    tell(connected, told)
    assert states(connected) == [PushState.PUSHED, PushState.PUSHED]
    assert sent(told) == 2
    assert list(Lead.objects.exclude(amocrm_lead_id=None).values_list("pk", "amocrm_lead_id")) == [
        (first.pk, doubles.id)
    ]
    second.refresh_from_db()
    row = LeadPush.objects.get(lead=second)
    assert (row.state, row.amocrm_lead_id) == (PushState.PUSHED, doubles.id)
    assert "duplicate control" in row.detail


def test_a_deal_that_is_another_responses_stays_there(connected: UserAccount, told: Server) -> None:
    told.crm.demo.profile.has_duplicate_control = True
    answered = entered(connected, name="answered")
    LeadPush.objects.all().delete()
    deal = told.crm.demo.deals.create("made by hand", phone="8 701 123 45 67")
    tell(connected, told)
    later = entered(connected, name="later")
    push(connected)
    tell(connected, told)
    found = dict(Lead.objects.values_list("pk", "amocrm_lead_id"))
    assert found == {answered.pk: deal.id, later.pk: None}
    assert states(connected)[1] == PushState.PUSHED


def test_a_lost_answer_about_a_duplicate_makes_no_second_deal(
    connected: UserAccount, told: Server, doubles: Any
) -> None:
    lead = entered(connected)
    told.crm.faults.lose_answer(prefix=COMPLEX)
    push(connected)
    for _turn in range(3):
        make_due()
        push(connected)
        tell(connected, told)
    lead.refresh_from_db()
    assert [deal.id for deal in deals(told)] == [doubles.id]
    assert (lead.amocrm_lead_id, lead.push_state) == (doubles.id, PushState.PUSHED)
