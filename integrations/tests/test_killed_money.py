"""A worker killed at every step of a won deal: one sale, one commission, at most one message.

What a kill between the message's leaving and its being written down costs is one message that is marked uncertain
instead of sent (docs/decisions.md says why it cannot be less). It never costs a second message.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from analytics.earning.checking import check_ledger
from analytics.models import ReferralConversion, ReferralEarning, Referrer, Sale, Targetologist
from integrations.models import NotificationState, SaleNotification
from integrations.notify.sending import give_up_the_lost, send_due
from integrations.tests.killing import comes_through, drain_until_killed
from integrations.tests.world import bodies, deliver, drain_all, statuses
from leads.models import User, UserAccount
from sandbox import Server

MOST_STEPS = 500
PRICE = 150_000


@pytest.fixture
def agency(connected: UserAccount, amocrm: Server, settings: Settings) -> UserAccount:
    """A referrer of 10 % and a targetologist, both of whom claim the deals of `win`."""
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = "bot", "77"
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.demo.subscribe("http://127.0.0.1:9/", ["add_lead", "update_lead", "status_lead"])
    Referrer.objects.create(user_account=connected, code="ref_TEST123", commission_rate=Decimal("0.1"))
    Targetologist.objects.create(user_account=connected, name="Kenesary", patterns=["tripwire"])
    return connected


def win(account: UserAccount, server: Server) -> int:
    """A new deal is won, and all that amoCRM tells of it waits. Its id."""
    deal = server.crm.demo.deals.create(
        "Имплантация",
        price=PRICE,
        phone=f"+7701{len(server.crm.demo.deals.by_id):07}",
        utm={"source": "ref_TEST123", "campaign": "tripwire_test"},
    )
    server.crm.demo.deals.win(deal.id)
    for body in bodies(server):
        deliver(account, body)
    server.crm.courier.clear()
    return deal.id


def send() -> None:
    send_due(ring_again=lambda seconds: None)


def after_the_death() -> None:
    """A minute later the sweep gives up what the dead sender had in hand, and a living one goes on."""
    SaleNotification.objects.filter(state=NotificationState.SENDING).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    give_up_the_lost()
    send()


def assert_one_of_everything(account: UserAccount, deal_id: int) -> SaleNotification:
    """The message's row."""
    sale = Sale.objects.get(amocrm_deal_id=deal_id)
    assert (sale.status, sale.amount, sale.routing_decision) == ("paid", Decimal(PRICE), "both")
    assert sale.targetologist is not None
    conversion = ReferralConversion.objects.get(sale=sale)
    assert conversion.status == "active"
    line = ReferralEarning.objects.get(sale=sale)
    assert (line.kind, line.amount) == ("accrual", Decimal("15000.00"))
    assert list(check_ledger(account)) == []
    return SaleNotification.objects.get(sale=sale)


def steps_until(comes_through_at: Callable[[int], bool]) -> int:
    """Call with 1, 2, 3 … until it comes through alive. How many kills there were."""
    for step in count(1):
        assert step < MOST_STEPS, "it never comes through"
        if comes_through_at(step):
            return step - 1
    raise AssertionError


def test_a_drain_killed_at_every_step_makes_one_sale_one_commission_and_one_message(
    agency: UserAccount, amocrm: Server
) -> None:
    def killed_drain(step: int) -> bool:
        deal_id = win(agency, amocrm)
        alive = drain_until_killed(agency, step)
        drain_all(agency)
        send()
        row = assert_one_of_everything(agency, deal_id)
        assert row.state == NotificationState.SENT, f"killed at step {step}"
        assert len(amocrm.crm.telegram.messages) == step, f"killed at step {step}"
        return alive

    kills = steps_until(killed_drain)
    assert kills > 30, "a drain has more statements than that: the kills did not reach it"
    assert set(statuses(agency)) == {"success"}
    total = ReferralEarning.objects.aggregate(total=Sum("amount"))["total"]
    assert total == Decimal("15000.00") * (kills + 1)


def test_a_sender_killed_at_every_step_sends_at_most_one_message(agency: UserAccount, amocrm: Server) -> None:
    ends: list[tuple[str, int]] = []

    def killed_sender(step: int) -> bool:
        deal_id = win(agency, amocrm)
        drain_all(agency)
        before = len(amocrm.crm.telegram.messages)
        alive = comes_through(send, step)
        after_the_death()
        after_the_death()
        row = assert_one_of_everything(agency, deal_id)
        ends.append((row.state, len(amocrm.crm.telegram.messages) - before))
        return alive

    steps_until(killed_sender)
    # Nothing else is possible: sent once; or uncertain, and left (killed before writing) or not (before sending).
    assert set(ends) == {("sent", 1), ("uncertain", 1), ("uncertain", 0)}
    assert ends[-1] == ("sent", 1)


def test_what_is_uncertain_is_seen_and_sent_again_only_by_a_person(agency: UserAccount, amocrm: Server) -> None:
    def dies_with_it_in_hand(step: int) -> bool:
        win(agency, amocrm)
        drain_all(agency)
        comes_through(send, step)
        after_the_death()
        return SaleNotification.objects.filter(state=NotificationState.UNCERTAIN).exists()

    steps_until(dies_with_it_in_hand)
    row = SaleNotification.objects.get(state=NotificationState.UNCERTAIN)
    client = Client()
    client.force_login(User.objects.create_superuser("root@x.kz", "pw"), "django.contrib.auth.backends.ModelBackend")
    shown = client.get(reverse("admin:integrations_salenotification_changelist")).content.decode()
    assert "uncertain" in shown
    assert row.detail[:40] in shown


def test_drain_and_sender_killed_by_turns_at_every_step(agency: UserAccount, amocrm: Server) -> None:
    """The same deal, whose workers die again and again, each one statement later than the one before."""
    deal_id = win(agency, amocrm)

    def die_and_die_again(step: int) -> bool:
        for _again in range(2):
            drained = drain_until_killed(agency, step)
        return drained

    steps_until(die_and_die_again)
    steps_until(lambda step: comes_through(send, step))
    after_the_death()
    assert_one_of_everything(agency, deal_id)
    assert len(amocrm.crm.telegram.messages) <= 1
    assert set(statuses(agency)) == {"success"}
