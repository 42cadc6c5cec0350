"""A person's data: handed out whole by any spelling of the phone, and erased so that nothing brings them back."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.models import Model
from django.utils import timezone

from analytics.earning.purchases import purchase_save
from analytics.models import ReferralConversion, ReferralEarning, Referrer, Sale
from integrations.connecting.connect import disconnect
from integrations.drain import outcomes
from integrations.models import (
    AmoCRMConnection,
    DealTag,
    LeadPush,
    NotificationSettings,
    SaleNotification,
    SyncGap,
    SyncRun,
    WebhookLog,
)
from integrations.notify.outbox import enqueue_summary
from integrations.people.erasing import erase_person
from integrations.people.export import export_person
from integrations.push.queue import push_again, push_enqueue
from integrations.push.sending import push_account
from integrations.replay import replay
from integrations.sync import ledger
from integrations.tests.killing import comes_through
from integrations.tests.sync_world import gaps, sync
from integrations.tests.world import bodies, deliver, drain_all, elsewhere, take_over
from leads.models import DealPhone, Lead, Membership, PersonRequest, Role, User, UserAccount
from leads.people import is_pseudonym, pseudonym
from leads.services.leads import lead_enter
from leads.tests.cast import client
from sandbox import Server

PHONE, SECOND, OTHER = "+77015550101", "+77015550303", "+77015550202"
SPELLINGS = ["8 (701) 555-01-01", "+7 701 555 01 01", "77015550101@s.whatsapp.net", "87015550101"]
NAME = "Aigerim Zhaksybekova"
TRACES = re.compile(r"Aigerim|Zhaksybekova|701\D{0,3}555\D{0,3}0[13]\D{0,3}0[13]")


@pytest.fixture
def world(connected: UserAccount, told: Server) -> Server:
    """Aigerim left a response, bought twice by two phones, and is told of beside Timur in one delivery."""
    demo = told.crm.demo
    lead_enter(account=connected, name=NAME, phone=SPELLINGS[0], chat_id=SPELLINGS[2], external_id="wa-77015550101")
    deal = demo.deals.create(f"Deal of {NAME}", price=500, phone=[SPELLINGS[1], SECOND], contact_name=NAME)
    demo.deals.create("Deal of Timur", price=300, phone=OTHER, contact_name="Timur")
    demo.deals.win(deal.id)
    again = demo.deals.create("Second", price=700, contact_ids=deal.contact_ids)
    demo.deals.win(again.id)
    take_over(connected, told)
    drain_all(connected)
    Referrer.objects.create(user_account=connected, code="ref_aigerim7", name=NAME, phone=PHONE)
    LeadPush.objects.create(user_account=connected, lead=Lead.objects.filter(phone_e164=PHONE)[0], detail=NAME)
    write_down_in_the_admin([*Lead.objects.all(), *Sale.objects.all(), *Referrer.objects.all()])
    return told


def write_down_in_the_admin(changed: list[Model]) -> None:
    """As the admin does when somebody has changed these rows there."""
    somebody = User.objects.create_user("sam@agency.kz", "pw")
    for row in changed:
        LogEntry.objects.log_actions(somebody.pk, [row], CHANGE)


def everything_stored() -> str:
    """Every value of every table, as text; bodies decoded."""
    found: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [_as_text(value) for row in cursor.fetchall() for value in row]
    return "\n".join(found)


def _as_text(value: Any) -> str:
    text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
    return unquote_plus(text)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_that_is_known_is_found_by_any_spelling(world: Server, connected: UserAccount, spelling: str) -> None:
    _request, document = export_person(connected, spelling, by=None)
    assert document["phones"] == [PHONE, SECOND]
    assert [lead["name"] for lead in document["leads"]] == [NAME, NAME]
    assert [sale["amount"] for sale in document["sales"]] == [500, 700]
    assert len(document["notifications"]) == 2
    assert len(document["pushes"]) == len(document["referrers"]) == 1
    assert {change["to_status_id"] for change in document["status_history"]} >= {142}
    bodies = [unquote_plus(delivery["body"]) for delivery in document["deliveries"]]
    assert sum(NAME in body for body in bodies) >= 3  # the contact, linked again, and the deal
    assert not any("Timur" in body for body in bodies)


def test_the_command_prints_one_document(world: Server, connected: UserAccount) -> None:
    out = io.StringIO()
    call_command("export_person", str(connected.pk), SPELLINGS[0], stdout=out)
    assert json.loads(out.getvalue())["phone"] == PHONE
    assert PersonRequest.objects.get().counts["leads"] == 2


@pytest.mark.parametrize("command", ["export_person", "erase_person"])
@pytest.mark.parametrize("phone", ["Aigerim", "", f"{PHONE}, {OTHER}"])
def test_what_is_not_one_phone_is_refused(alfa: UserAccount, command: str, phone: str) -> None:
    with pytest.raises(CommandError, match="Give one phone"):
        call_command(command, str(alfa.pk), phone)


def test_after_erasing_no_table_knows_the_person(world: Server, connected: UserAccount) -> None:
    assert TRACES.search(everything_stored())
    request = erase_person(connected, PHONE, by=None)
    assert TRACES.search(everything_stored()) is None
    assert "Timur" in everything_stored()
    assert request.pseudonym == pseudonym(connected.pk, PHONE)
    assert {key: request.counts[key] for key in ("leads", "sales", "notifications", "pushes", "referrers")} == {
        "leads": 2,
        "sales": 2,
        "notifications": 2,
        "pushes": 1,
        "referrers": 1,
    }
    assert request.counts["deliveries"] == WebhookLog.objects.filter(raw_body=b"").count() != 0


def test_the_admins_log_forgets_them_also_of_a_row_that_has_gone_into_another(
    connected: UserAccount, told: Server
) -> None:
    demo = told.crm.demo
    deal = demo.deals.create("Deal", phone=OTHER, contact_name=NAME)
    take_over(connected, told)
    drain_all(connected)
    write_down_in_the_admin(list(Lead.objects.all()))
    response, _is_new = lead_enter(account=connected, name="A.", phone=PHONE)
    demo.contacts.add_phone(deal.contact_ids[0], PHONE)
    take_over(connected, told)
    drain_all(connected)
    (left,) = Lead.objects.all()
    assert left.pk == response.pk
    assert LogEntry.objects.get().object_id == str(left.pk)
    erase_person(connected, PHONE, by=None)
    assert not TRACES.search(everything_stored())


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_referrer_is_handed_what_they_earned_and_no_message_names_them_once_erased(
    connected: UserAccount, told: Server, language: str
) -> None:
    NotificationSettings.objects.create(user_account=connected, language=language)
    referrer = Referrer.objects.create(user_account=connected, code="ref_a7", name="Aigerim", phone=PHONE)
    Referrer.objects.create(user_account=connected, code="ref_b8", name="Bota")
    for source in ("REF_A7", "ref_b8"):
        deal = told.crm.demo.deals.create("T", price=300, phone=OTHER, contact_name="Timur", utm={"source": source})
        told.crm.demo.deals.win(deal.id)
    take_over(connected, told)
    drain_all(connected)
    enqueue_summary(connected, timezone.now().date(), list(Sale.objects.all()), "", timezone.now())
    referrer.name, referrer.code = f"{NAME}: (married)", "ref_married"
    referrer.save()
    before = list(SaleNotification.objects.order_by("pk").values_list("text", flat=True))
    assert [text.count("Aigerim (ref_a7)") for text in before] == [1, 0, 1]
    assert [text.count("Bota (ref_b8)") for text in before] == [0, 1, 1]
    _request, document = export_person(connected, PHONE, by=None)
    assert [len(document[table]) for table in ("sales", "referral_conversions", "referral_earnings")] == [0, 1, 1]
    erase_person(connected, PHONE, by=None)
    after = list(SaleNotification.objects.order_by("pk").values_list("text", flat=True))
    assert after == [text.replace("Aigerim (ref_a7)", "ref_a7") for text in before]


def test_money_stays_and_is_still_one_persons(world: Server, connected: UserAccount) -> None:
    before = list(Sale.objects.order_by("pk").values_list("amount", "status", "amocrm_deal_id", "sold_at"))
    erase_person(connected, PHONE, by=None)
    assert list(Sale.objects.order_by("pk").values_list("amount", "status", "amocrm_deal_id", "sold_at")) == before
    assert {sale.client_phone for sale in Sale.objects.all()} == {pseudonym(connected.pk, PHONE)}


def test_neither_hooks_nor_a_sync_bring_the_person_back(world: Server, connected: UserAccount) -> None:
    erase_person(connected, PHONE, by=None)
    demo = world.crm.demo
    deal = next(deal for deal in demo.deals.by_id.values() if NAME in deal.name)
    world.crm.clock.advance(60)
    demo.contacts.change(deal.contact_ids[0], name=NAME)
    demo.deals.set_price(deal.id, 900)
    third = demo.deals.create(f"Third of {NAME}", price=50, contact_ids=deal.contact_ids)
    demo.deals.create(f"Same phone, {NAME}", phone=PHONE, contact_name=NAME)
    demo.deals.win(third.id)
    take_over(connected, world)
    drain_all(connected)
    assert TRACES.search(everything_stored()) is None
    assert Sale.objects.get(amocrm_deal_id=deal.id).amount == 900
    repeat = Lead.objects.get(amocrm_lead_id=third.id)
    assert (repeat.match_method, repeat.current_status_id) == ("repeat", 142)
    assert is_pseudonym(repeat.phone_e164)
    sync(connected, full=True)  # the first, by which nothing is missed yet
    untold = demo.deals.create(f"Untold, {NAME}", contact_ids=deal.contact_ids, silent=True)
    sync(connected, full=True)
    assert TRACES.search(everything_stored()) is None
    assert (untold.id, "created") in gaps(connected)


def erase_after(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, account: UserAccount) -> list[Future[object]]:
    """Somebody erases the person elsewhere once `module.name` has looked who was erased, and before the commit."""
    original: Callable[..., Any] = getattr(module, name)
    erasing: list[Future[object]] = []

    def erase() -> None:
        erase_person(account, PHONE, by=None)
        connections.close_all()

    def look(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        if not erasing:
            erasing.append(ThreadPoolExecutor(1).submit(erase))
            wait(erasing, timeout=0.5)  # who erases may have to wait for us
        return found

    monkeypatch.setattr(module, name, look)
    return erasing


@pytest.mark.parametrize("is_main", [True, False])
def test_what_a_sync_writes_down_does_not_bring_them_back(connected: UserAccount, told: Server, is_main: bool) -> None:
    """Neither where only the sync learns that a deal is theirs, by the phone of a contact."""
    demo = told.crm.demo
    lead_enter(account=connected, name=NAME, phone=PHONE)
    erase_person(connected, PHONE, by=None)
    sync(connected)
    told.crm.clock.advance(60)
    contacts = [demo.contacts.create("Client"), demo.contacts.create("Other")]
    deal = demo.deals.create("Deal", contact_ids=[contact.id for contact in contacts])
    take_over(connected, told)
    drain_all(connected)
    told.crm.clock.advance(60)
    theirs = deal.contact_ids[0 if is_main else 1]
    demo.contacts.change(theirs, name=NAME, silent=True)
    demo.contacts.add_phone(theirs, PHONE, silent=True)
    sync(connected)
    assert Lead.objects.get(amocrm_lead_id=deal.id).contact_phones == [pseudonym(connected.pk, PHONE)]
    assert (deal.id, "contact") in gaps(connected)
    assert TRACES.search(everything_stored()) is None


def test_who_is_erased_while_a_sync_writes_down_what_it_found_is_not_in_it(
    world: Server, connected: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = world.crm.demo
    deal = next(deal for deal in demo.deals.by_id.values() if NAME in deal.name)
    sync(connected)
    world.crm.clock.advance(60)
    demo.contacts.change(deal.contact_ids[0], name=f"{NAME} II", silent=True)
    erasing = erase_after(monkeypatch, ledger, "erased_among", connected)
    sync(connected)
    erasing[0].result(timeout=60)
    assert (deal.id, "contact") in gaps(connected)
    assert TRACES.search(everything_stored()) is None


@pytest.mark.parametrize("outcome", ["success", "error"])
def test_an_erasure_makes_no_hook_seem_silent(world: Server, connected: UserAccount, outcome: str) -> None:
    """Neither of what was applied, nor of what could not be and is known from the bodies alone."""
    demo = world.crm.demo
    hers, his = (next(deal for deal in demo.deals.by_id.values() if name in deal.name) for name in (NAME, "Timur"))
    sync(connected, full=True)  # the first, by which nothing is missed yet
    for stage in demo.pipelines.main.stages[1:4]:
        world.crm.clock.advance(60)
        for deal in (hers, his):
            demo.deals.move(deal.id, stage.id)
            demo.deals.set_price(deal.id, deal.price + 7)
    demo.contacts.change(his.contact_ids[0], name="Timur the Great")
    demo.deals.create(f"New, {NAME}", phone=PHONE, contact_name=NAME)
    gone = demo.deals.create("Gone", contact_ids=his.contact_ids)
    demo.deals.delete(gone.id)
    deliver(connected, "&".join(body.replace("[0]", f"[{n}]") for n, body in enumerate(bodies(world))))
    take_over(connected, world)
    if outcome == "success":
        drain_all(connected)
    else:
        WebhookLog.objects.filter(processing_status="received").update(processing_status=outcome)
    request = erase_person(connected, PHONE, by=None)
    assert request.counts["deliveries"] >= 8
    untold = demo.deals.create("Silent", contact_ids=his.contact_ids, silent=True)
    erase_person(connected, PHONE, by=None)  # once more takes nothing of what is left
    sync(connected)
    assert gaps(connected) == [(untold.id, "created")]


def test_an_id_made_of_the_phone_goes_and_the_purchase_is_known_by_it_all_the_same(
    connected: UserAccount, tmp_path: Path
) -> None:
    user = User.objects.create_user("sam@x.kz", "pw")
    Membership.objects.create(user=user, user_account=connected, role=Role.STAFF)
    typed = {"amount": "500", "client_phone": PHONE, "client_name": NAME, "external_id": "kaspi-77015550101"}
    kept = {"amount": "700", "client_phone": PHONE, "external_id": "A-1"}
    first, other = (client(user).post("/sales", values, format="json") for values in (typed, kept))
    erase_person(connected, PHONE, by=None)
    assert TRACES.search(everything_stored()) is None
    assert Sale.objects.get(pk=other.json()["id"]).external_id == "A-1"
    erase_person(connected, PHONE, by=None)  # once more changes nothing
    again = client(user).post("/sales", typed, format="json")
    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, first.json()["id"])
    table = tmp_path / "rows.csv"
    table.write_text(f"{','.join(typed)},sold_at\n{','.join(typed.values())},2026-02-01\n")
    call_command("import_csv", "sales", str(table), "--commit", stdout=io.StringIO())
    assert TRACES.search(everything_stored()) is None
    assert Sale.objects.count() == 2


def test_a_form_sent_once_more_after_an_erasure_is_the_same_lead_and_brings_nobody_back(alfa: UserAccount) -> None:
    typed: Any = {"account": alfa, "name": NAME, "phone": PHONE, "external_id": "form-1"}
    first, _is_new = lead_enter(**typed)
    erase_person(alfa, PHONE, by=None)
    assert lead_enter(**typed) == (first, False)
    assert TRACES.search(everything_stored()) is None


def test_what_waits_is_applied_first_and_emptied_then(world: Server, connected: UserAccount) -> None:
    demo = world.crm.demo
    deal = next(deal for deal in demo.deals.by_id.values() if NAME in deal.name)
    world.crm.clock.advance(60)
    demo.deals.set_price(deal.id, 950)
    take_over(connected, world)
    request = erase_person(connected, PHONE, by=None)
    assert request.counts["deliveries_waiting"] == 1
    drain_all(connected)
    assert Sale.objects.get(amocrm_deal_id=deal.id).amount == 950
    assert TRACES.search(everything_stored()) is None


def test_what_waits_while_the_account_is_disconnected_is_ignored_and_emptied(
    world: Server, connected: UserAccount
) -> None:
    demo = world.crm.demo
    deal = next(deal for deal in demo.deals.by_id.values() if NAME in deal.name)
    world.crm.clock.advance(60)
    demo.deals.set_price(deal.id, 950)
    demo.contacts.change(deal.contact_ids[0], name=f"{NAME} II")
    demo.deals.create("Deal of Timur", price=300, phone=OTHER, contact_name="Timur")
    take_over(connected, world)
    waiting = list(WebhookLog.objects.filter(processing_status="received").values_list("pk", flat=True))
    erase_person(connected, PHONE, by=None)
    disconnect(AmoCRMConnection.objects.get())
    drain_all(connected)
    ignored = WebhookLog.objects.filter(pk__in=waiting)
    assert set(ignored.values_list("processing_status", flat=True)) == {"ignored"}
    assert TRACES.search(everything_stored()) is None
    assert ignored.filter(erased_at=None).count() == 2, "those about Timur can still be replayed"


@pytest.mark.parametrize("fault", ["a stranger's", "refused"])
def test_who_is_erased_while_a_delivery_ends_as_an_error_is_not_in_it(
    world: Server, connected: UserAccount, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    deal = next(deal for deal in world.crm.demo.deals.by_id.values() if NAME in deal.name)
    body = f"leads[update][0][id]={deal.id}&leads[update][0][name]=Deal+of+{NAME.replace(' ', '+')}"
    if fault == "refused":
        world.crm.faults.answer(422, prefix="/api/v4/leads")
    delivery = deliver(connected, body + ("&account[id]=1" if fault == "a stranger's" else ""))
    WebhookLog.objects.filter(pk=delivery).update(attempts=2)
    erasing = erase_after(monkeypatch, outcomes, "take_bodies_of_erased", connected)
    drain_all(connected)
    erasing[0].result(timeout=60)
    assert WebhookLog.objects.get(pk=delivery).processing_status == "error"
    assert TRACES.search(everything_stored()) is None


def test_an_erased_delivery_is_not_replayed(world: Server, connected: UserAccount) -> None:
    erase_person(connected, PHONE, by=None)
    erased = WebhookLog.objects.filter(erased_at__isnull=False)
    before = list(erased.values_list("pk", "processing_status"))
    with transaction.atomic():
        assert replay(erased, wake=lambda _account: None) == 0
    assert list(erased.values_list("pk", "processing_status")) == before


def test_a_message_of_a_chat_is_found_by_the_phone_in_it(alfa: UserAccount) -> None:
    about = deliver(alfa, "message[add][0][text]=my+number+is+8+%28701%29+555-01-01")
    other = deliver(alfa, "message[add][0][text]=call+8+701+555+02+02")
    WebhookLog.objects.update(processing_status="ignored")
    erase_person(alfa, PHONE, by=None)
    assert bytes(WebhookLog.objects.get(pk=about).raw_body) == b""
    assert bytes(WebhookLog.objects.get(pk=other).raw_body) != b""


@pytest.mark.parametrize("step", range(2, 34, 2))
def test_an_erasure_that_was_broken_off_is_done_again_and_misses_nothing(alfa: UserAccount, step: int) -> None:
    """Also where only the leads say that a second phone is the person's, too."""
    for number in (1, 2):
        Lead.objects.create(
            user_account=alfa, source="amocrm", amocrm_lead_id=number, contact_phones=[PHONE, SECOND], phone_e164=PHONE
        )
    deliver(alfa, "message[add][0][text]=my+number+is+8+%28701%29+555-03-03")
    deliver(alfa, "message[add][0][text]=and+8+%28701%29+555-01-01")
    WebhookLog.objects.update(processing_status="ignored", processed_at=timezone.now())
    came_through = comes_through(lambda: erase_person(alfa, PHONE, by=None), step)
    requests = PersonRequest.objects.values_list("counts__leads", "counts__deliveries")
    assert list(requests) == ([(2, 2)] if came_through or not Lead.objects.filter(phone_e164=PHONE) else [])
    erase_person(alfa, PHONE, by=None)
    assert TRACES.search(everything_stored()) is None


def test_what_is_applied_while_an_erasure_reads_is_emptied_too(world: Server, connected: UserAccount) -> None:
    """It names the deal alone, and the lead is not erased yet."""
    deal = next(deal for deal in world.crm.demo.deals.by_id.values() if NAME in deal.name)
    body = f"leads[update][0][id]={deal.id}&leads[update][0][name]=Deal+of+{NAME.replace(' ', '+')}&account[id]="
    delivery = deliver(connected, body + str(world.crm.demo.id))
    applied: list[Future[object]] = []

    def once_read(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not applied and sql.startswith("UPDATE") and "raw_body" in sql:
            applied.append(elsewhere(lambda: drain_all(connected)))
            applied[0].result(timeout=60)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(once_read):
        request = erase_person(connected, PHONE, by=None)
    assert applied
    assert WebhookLog.objects.get(pk=delivery).erased_at is not None
    assert request.counts["deliveries"] == WebhookLog.objects.filter(raw_body=b"").count()
    assert TRACES.search(everything_stored()) is None


@pytest.mark.parametrize(
    ("about", "other"),
    [
        ("task[add][0][text]=call+her&task[add][0][element_id]={deal}", "task[add][0][element_id]=1{deal}&a={deal}"),
        ("contacts[update][0][id]={contact}&contacts[update][0][name]=Mrs", "contacts[update][0][id]=1{contact}"),
    ],
)
def test_what_names_only_the_id_of_the_persons_deal_or_contact_goes_and_what_names_another_stays(
    world: Server, connected: UserAccount, about: str, other: str
) -> None:
    theirs = Lead.objects.exclude(amocrm_lead_id=None).filter(phone_e164=PHONE)[0]
    ids = {"deal": theirs.amocrm_lead_id, "contact": theirs.amocrm_contact_id}
    named, unnamed = (deliver(connected, body.format(**ids)) for body in (about, other))
    WebhookLog.objects.filter(pk__in=(named, unnamed)).update(processing_status="ignored")
    erase_person(connected, PHONE, by=None)
    assert bytes(WebhookLog.objects.get(pk=named).raw_body) == b""
    assert bytes(WebhookLog.objects.get(pk=unnamed).raw_body) != b""


def test_who_comes_again_by_themselves_is_known_again(world: Server, connected: UserAccount) -> None:
    erase_person(connected, PHONE, by=None)
    lead_enter(account=connected, name=NAME, phone=PHONE)
    demo = world.crm.demo
    world.crm.clock.advance(60)
    deal = demo.deals.create("New", phone=PHONE, contact_name=NAME)
    take_over(connected, world)
    drain_all(connected)
    lead = Lead.objects.get(amocrm_lead_id=deal.id)
    assert (lead.name, lead.match_method, lead.phone_e164) == (NAME, "phone", PHONE)
    assert Lead.objects.filter(name=NAME).count() == 1, "what was erased stays erased"


def test_another_account_keeps_what_it_knows(world: Server, connected: UserAccount) -> None:
    """Also of a deal of the same number, which is another one in another amoCRM."""
    bravo = UserAccount.objects.create(name="Bravo")
    lead_enter(account=bravo, name=NAME, phone=PHONE)
    deal_id = Lead.objects.exclude(amocrm_lead_id=None).filter(phone_e164=PHONE)[0].amocrm_lead_id or 0
    run = SyncRun.objects.create(user_account=bravo)
    when = dict.fromkeys(("changed_at", "learnt_at"), timezone.now())
    SyncGap.objects.create(user_account=bravo, run=run, amocrm_lead_id=deal_id, what="name", after="Bulat", **when)
    DealTag.objects.create(user_account=bravo, amocrm_lead_id=deal_id, tag="VIP")
    Sale.objects.create(
        user_account=bravo,
        amocrm_deal_id=deal_id,
        client_name="Bulat",
        amount=1,
        currency="KZT",
        sold_at=run.started_at,
    )
    erase_person(connected, PHONE, by=None)
    assert Lead.objects.get(user_account=bravo).name == NAME
    assert (SyncGap.objects.get().after, Sale.objects.get(user_account=bravo).client_name) == ("Bulat", "Bulat")
    _request, document = export_person(connected, PHONE, by=None)
    assert [len(document[table]) for table in ("leads", "sales", "sync_gaps", "tags")] == [2, 2, 0, 0]
    assert all(is_pseudonym(lead["phone"]) for lead in document["leads"])


def test_who_shares_only_the_second_phone_of_a_contact_is_asked_no_further(alfa: UserAccount) -> None:
    """An office's switchboard must not make one person of all its clients."""
    for deal_id, phones in ((1, [PHONE, SECOND]), (2, [SECOND, OTHER]), (3, [OTHER])):
        Lead.objects.create(
            user_account=alfa, source="amocrm", amocrm_lead_id=deal_id, contact_phones=phones, phone_e164=phones[0]
        )
        for phone in phones:
            DealPhone.objects.create(user_account=alfa, phone_e164=phone, amocrm_lead_id=deal_id)
    _request, document = export_person(alfa, PHONE, by=None)
    assert [lead["amocrm_lead_id"] for lead in document["leads"]] == [1, 2]


def test_a_pseudonym_is_no_phone_and_is_its_own(alfa: UserAccount) -> None:
    name = pseudonym(alfa.pk, PHONE)
    assert len(name) == 20
    assert pseudonym(alfa.pk, name) == name
    assert name != pseudonym(UserAccount.objects.create(name="Bravo").pk, PHONE)
    with pytest.raises(ValidationError):
        export_person(alfa, name, by=None)


def test_a_message_that_waits_is_not_sent(world: Server, connected: UserAccount) -> None:
    SaleNotification.objects.update(state="pending")
    erase_person(connected, PHONE, by=None)
    assert set(SaleNotification.objects.values_list("state", "text")) == {("failed", "")}


def test_nobody_sends_an_erased_lead_to_amocrm(connected: UserAccount, told: Server) -> None:
    user = User.objects.create_user("sam@x.kz", "pw")
    Membership.objects.create(user=user, user_account=connected, role=Role.STAFF)
    with transaction.atomic():
        lead, _is_new = lead_enter(account=connected, name=NAME, phone=PHONE)
        push_enqueue(lead)
    erase_person(connected, PHONE, by=None)
    answer = client(user).post(f"/leads/{lead.pk}/push")
    assert (answer.status_code, "forgotten" in answer.json()["detail"]) == (409, True)
    assert push_again(LeadPush.objects.all()) == 1
    push_account(connected.pk, ring_again=lambda _seconds: None)
    row = LeadPush.objects.get()
    assert (row.state, row.detail) == ("failed", "The person asked to be forgotten.")
    assert not told.crm.demo.deals.by_id


def test_an_erased_purchase_of_ones_own_earns_nothing_when_it_is_edited(connected: UserAccount) -> None:
    Referrer.objects.create(user_account=connected, code="ref_own", phone=PHONE)
    purchase_save(
        Sale(
            user_account=connected,
            amount=Decimal(1000),
            currency="KZT",
            sold_at=timezone.now(),
            client_phone=PHONE,
            utm_source="ref_own",
        )
    )
    assert ReferralConversion.objects.get().status == "self_referral"
    erase_person(connected, PHONE, by=None)
    purchase = Sale.objects.get()
    purchase.product = "course"
    purchase_save(purchase, ["product"])
    assert ReferralConversion.objects.get().status == "self_referral"
    assert not ReferralEarning.objects.exists()
