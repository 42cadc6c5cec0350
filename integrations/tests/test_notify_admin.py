"""The outbox in the admin: sending again by hand, and the test message."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings

from analytics.models import Sale, Targetologist
from integrations.models import SaleNotification
from integrations.tests import admin_world
from integrations.tests.admin_world import World, address
from sandbox import Server


@pytest.fixture
def world(transactional_db: None) -> World:
    return admin_world.build()


@pytest.fixture
def telegram(amocrm: Server, settings: Settings) -> Any:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = "1:token", "-100"
    return amocrm.crm.telegram


def press(world: World, name: str) -> None:
    chosen = {"action": "send_again_selected", "_selected_action": [world.rows[SaleNotification].pk]}
    world.client(name).post(address(SaleNotification, "changelist"), chosen)


@pytest.mark.parametrize(("name", "state"), [("sam", "pending"), ("vera", "failed"), ("bob", "failed")])
def test_staff_sends_again_and_nobody_else(world: World, name: str, state: str) -> None:
    press(world, name)
    assert SaleNotification.objects.get().state == state


def test_a_message_names_its_sale_with_the_amount_as_people_read_it(world: World) -> None:
    Sale.objects.update(client_name="Aida", amount=150_000, currency="KZT")
    SaleNotification.objects.update(sale=Sale.objects.first())
    page = world.client("vera").get(address(SaleNotification, "changelist"), HTTP_ACCEPT_LANGUAGE="en")
    assert "Aida · 150,000\N{NO-BREAK SPACE}₸" in page.content.decode()


def test_a_test_message_goes_to_the_chosen_chat(world: World, telegram: Any) -> None:
    buyer = world.rows[Targetologist]
    Targetologist.objects.update(telegram_chat_id="77")
    path = reverse("admin:integrations_salenotification_test_message")
    client = world.client("sam")
    assert f"targetologist-{buyer.pk}" in client.get(path).content.decode()
    client.post(path, {"chat": f"targetologist-{buyer.pk}", "_form_submitted": "on"})
    assert [message.chat_id for message in telegram.messages] == ["77"]


def test_telegrams_refusal_is_shown(world: World, telegram: Any) -> None:
    telegram.fail(403)
    client = world.client("sam")
    path = reverse("admin:integrations_salenotification_test_message")
    client.post(path, {"chat": "common", "_form_submitted": "on"})
    assert "blocked by the user" in client.get(address(SaleNotification, "changelist")).content.decode()


@pytest.mark.parametrize(("name", "chat"), [("bob", "targetologist"), ("vera", "common")])
def test_nobody_writes_to_chats_that_are_not_theirs_to_write_to(
    world: World, telegram: Any, name: str, chat: str
) -> None:
    Targetologist.objects.update(telegram_chat_id="77")
    key = f"targetologist-{world.rows[Targetologist].pk}" if chat == "targetologist" else chat
    path = reverse("admin:integrations_salenotification_test_message")
    world.client(name).post(path, {"chat": key, "_form_submitted": "on"})
    assert telegram.attempts == 0
