"""The old system's test plan: three won deals, told by hooks, to sales, commissions and Telegram."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pytest_django import Settings

from analytics.management.commands.create_account import add_starting_targetologists
from analytics.models import ReferralConversion, ReferralEarning, Referrer, Sale
from integrations.connecting.pipelines import pipelines_sync
from integrations.models import AmoCRMConnection, WebhookLog
from integrations.notify.sending import send_due
from integrations.tests.world import bodies, deliver, drain_all
from leads.models import UserAccount
from sandbox import Server


@pytest.fixture
def agency(connected: UserAccount, amocrm: Server, settings: Settings) -> UserAccount:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = "bot", "77"
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.demo.subscribe("http://127.0.0.1:9/", ["add_lead", "update_lead", "status_lead"])
    add_starting_targetologists(connected)
    return connected


def win(account: UserAccount, server: Server, price: int, **utm: str) -> int:
    """A deal with this UTM is won; all that amoCRM tells of it is delivered and applied. Its id."""
    deal = server.crm.demo.deals.create("Имплантация", price=price, phone="+77011234567", utm=utm)
    server.crm.demo.deals.win(deal.id)
    for body in bodies(server):
        deliver(account, body)
    server.crm.courier.clear()
    drain_all(account)
    send_due(ring_again=lambda seconds: None)
    return deal.id


def test_a_targetologists_sale(agency: UserAccount, amocrm: Server) -> None:
    deal_id = win(agency, amocrm, 100_000, source="kenesary_fb", campaign="tripwire_test")
    sale = Sale.objects.get(amocrm_deal_id=deal_id)
    assert (sale.status, sale.amount, sale.currency) == ("paid", Decimal(100_000), "KZT")
    assert sale.targetologist is not None
    assert sale.targetologist.name == "Kenesary"
    assert set(WebhookLog.objects.values_list("routing_decision", flat=True)) == {"traffic"}
    assert not ReferralConversion.objects.exists()
    [message] = amocrm.crm.telegram.messages
    assert message.chat_id == "77"
    for part in ("Kenesary", "👑", "100,000 ₸", "tripwire_test"):
        assert part in message.text


def test_a_referrers_sale(agency: UserAccount, amocrm: Server) -> None:
    Referrer.objects.create(user_account=agency, code="ref_TEST123", name="Aliya", commission_rate=Decimal("0.1"))
    deal_id = win(agency, amocrm, 150_000, source="ref_TEST123")
    sale = Sale.objects.get(amocrm_deal_id=deal_id)
    assert sale.targetologist is None
    assert set(WebhookLog.objects.values_list("routing_decision", flat=True)) == {"referral"}
    assert ReferralConversion.objects.get().sale == sale
    assert ReferralEarning.objects.get().amount == Decimal("15000.00")
    assert len(amocrm.crm.telegram.messages) == 1


def test_a_sale_of_nobody_known(agency: UserAccount, amocrm: Server) -> None:
    deal_id = win(agency, amocrm, 50_000, source="google_organic")
    sale = Sale.objects.get(amocrm_deal_id=deal_id)
    assert sale.targetologist is None
    assert set(WebhookLog.objects.values_list("routing_decision", flat=True)) == {"unknown"}
    assert not ReferralConversion.objects.exists()
    assert "❓" in amocrm.crm.telegram.messages[0].text


def test_a_sale_in_a_pipeline_made_a_moment_ago_names_it(agency: UserAccount, amocrm: Server) -> None:
    pipelines_sync(AmoCRMConnection.objects.select_related("user_account").get())
    demo = amocrm.crm.demo
    courses = demo.pipelines.add("Курсы", ["Новая"])
    deal = demo.deals.create("Курс", price=1000, pipeline_id=courses.id)
    demo.deals.win(deal.id)
    for body in bodies(amocrm):
        deliver(agency, body)
    drain_all(agency)
    send_due(ring_again=lambda seconds: None)
    assert Sale.objects.get().product == "Курсы"
    assert "Курсы" in amocrm.crm.telegram.messages[0].text


def test_no_sale_waits_for_the_name_of_its_pipeline(agency: UserAccount, amocrm: Server) -> None:
    amocrm.crm.faults.answer(500, prefix="/api/v4/leads/pipelines")
    deal_id = win(agency, amocrm, 1000)
    assert Sale.objects.get(amocrm_deal_id=deal_id).product == ""
    assert len(amocrm.crm.telegram.messages) == 1


def test_one_message_whatever_is_repeated(agency: UserAccount, amocrm: Server) -> None:
    deal_id = win(agency, amocrm, 100_000, source="kenesary_fb")
    demo = amocrm.crm.demo
    demo.deals.move(deal_id, demo.pipelines.main.stages[2].id)
    demo.deals.win(deal_id, price=120_000)
    told = bodies(amocrm)
    for body in told + told:
        deliver(agency, body)
    drain_all(agency)
    send_due(ring_again=lambda seconds: None)
    sale = Sale.objects.get()
    assert (sale.status, sale.amount) == ("paid", Decimal(120_000))
    assert len(amocrm.crm.telegram.messages) == 1


def test_a_win_learnt_from_the_contacts_hook_is_told_as_well(agency: UserAccount, amocrm: Server) -> None:
    demo = amocrm.crm.demo
    demo.subscribe("http://127.0.0.1:9/", ["add_lead", "update_contact"])
    deal = demo.deals.create("Имплантация", price=1000)
    for body in bodies(amocrm):
        deliver(agency, body)
    drain_all(agency)
    amocrm.crm.courier.clear()
    contact = demo.contacts.create("Aida", silent=True)
    demo.deals.link(deal.id, contact.id, main=True, silent=True)
    demo.deals.win(deal.id, silent=True)  # its own hook was lost
    demo.contacts.add_phone(contact.id, "+77011234567")
    [body] = bodies(amocrm)
    deliver(agency, body)
    drain_all(agency)
    send_due(ring_again=lambda seconds: None)
    assert Sale.objects.get().status == "paid"
    assert len(amocrm.crm.telegram.messages) == 1
