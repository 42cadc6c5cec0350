"""A delivery's id stands in the log at each step of its way, so that one search tells all that became of it."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings
from structlog.testing import capture_logs

from integrations.intake.signature import hook_url
from integrations.models import Hook, SaleNotification
from integrations.notify.sending import send_due
from integrations.tests.world import FORM, bodies, drain_all
from leads.models import UserAccount
from sandbox import Server

LONGEST_WAIT = 30.0


def steps(lines: list[MutableMapping[str, Any]], delivery_id: int) -> list[str]:
    return [line["event"] for line in lines if delivery_id in (line.get("delivery"), *line.get("deliveries", ()))]


@pytest.fixture
def telling(connected: UserAccount, amocrm: Server, settings: Settings) -> UserAccount:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = "bot", "77"
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.demo.subscribe("http://127.0.0.1:9/", ["add_lead", "status_lead"])
    return connected


def test_the_id_is_in_each_line_from_the_intake_to_the_message(telling: UserAccount, amocrm: Server) -> None:
    deal = amocrm.crm.demo.deals.create("Имплантация", price=1000, phone="+77011234567")
    amocrm.crm.demo.deals.win(deal.id)
    address = urlsplit(hook_url(telling, Hook.AMOCRM))
    with capture_logs() as lines:
        answers = [
            Client().post(f"{address.path}?{address.query}", body, content_type=FORM).json() for body in bodies(amocrm)
        ]
        added, won = (answer["delivery_id"] for answer in answers)
        ends = time.monotonic() + LONGEST_WAIT
        while not {added, won} <= {id_ for line in lines for id_ in line.get("deliveries", ())}:
            assert time.monotonic() < ends, "the doorbell's thread says nothing"
        drain_all(telling)
        send_due(ring_again=lambda seconds: None)
    assert steps(lines, added) == ["deliveries_stored", "deliveries_applied"]
    assert sorted(steps(lines, won)) == sorted(
        ["deliveries_stored", "deliveries_applied", "sale_settled", "notification_sent"]
    )
    assert SaleNotification.objects.get().delivery_id == won


def test_no_line_says_whose_phone_it_is(telling: UserAccount, amocrm: Server) -> None:
    deal = amocrm.crm.demo.deals.create("Имплантация", price=1000, phone="+77011234567")
    amocrm.crm.demo.deals.win(deal.id)
    address = urlsplit(hook_url(telling, Hook.AMOCRM))
    with capture_logs() as lines:
        for body in bodies(amocrm):
            Client().post(f"{address.path}?{address.query}", body, content_type=FORM)
        drain_all(telling)
        send_due(ring_again=lambda seconds: None)
    assert any(line["event"] == "sale_settled" for line in lines)
    assert "7011234567" not in str(lines)
