"""Connections, hook addresses and the home page."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, Hook, Problem, WebhookLog
from integrations.secrets import encrypt
from integrations.tests import admin_world
from integrations.tests.admin_world import TOKEN, World, address
from integrations.tests.world import connect
from leads.models import Lead, LeadStatusHistory, UserAccount
from sandbox import Fault, Server

pytestmark = pytest.mark.django_db


def page(world: World, path: str, name: str = "alice") -> str:
    return unescape(world.client(name).get(path).content.decode())


@pytest.mark.parametrize("name", ["root", "alice"])
def test_a_token_is_never_shown_not_even_encrypted(world: World, name: str) -> None:
    connection = world.rows[AmoCRMConnection]
    AmoCRMConnection.objects.update(metadata={"token": TOKEN})
    shown = "".join(
        page(world, path, name)
        for path in (
            "/admin/",
            address(AmoCRMConnection, "changelist"),
            address(AmoCRMConnection, "change", connection.pk),
            address(Lead, "change", world.rows[Lead].pk),
        )
    )
    assert TOKEN not in shown
    assert encrypt("x")[:6] not in shown  # how every ciphertext begins


def test_a_broken_encryption_key_does_not_close_the_pages(world: World, settings: Any) -> None:
    from cryptography.fernet import Fernet

    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    client = world.client("alice")
    for path in ("/admin/", address(AmoCRMConnection, "changelist"), address(Lead, "changelist")):
        assert client.get(path).status_code == 200


def test_the_home_page_tells_problems_backlog_and_todays_deliveries(world: World) -> None:
    AmoCRMConnection.objects.update(problem_code=Problem.OUTAGE, problem_since=timezone.now() - timedelta(minutes=7))
    WebhookLog.objects.create(
        user_account=world.alfa, source="amocrm", raw_body=b"", received_at=timezone.now() - timedelta(seconds=1)
    )
    shown = page(world, "/admin/", "vera")
    assert all(text in shown for text in ("amoCRM does not answer", "7 min", "ALFAWORLD agency", "waiting", "deals #"))
    assert "ALFAWORLD" not in page(world, "/admin/", "bob")


def test_the_home_page_costs_the_same_however_much_there_is(world: World, django_assert_max_num_queries: Any) -> None:
    rows = [WebhookLog(user_account=world.alfa, source="amocrm", raw_body=b"x") for _ in range(2_500)]
    WebhookLog.objects.bulk_create(rows)
    client = world.client("alice")
    with django_assert_max_num_queries(50):
        shown = client.get("/admin/").content.decode()
    assert "2500" in shown


def test_the_list_costs_the_same_however_many_connections_there_are(
    world: World, django_assert_num_queries: Any
) -> None:
    path, client = address(AmoCRMConnection, "changelist"), world.client("root")
    with CaptureQueriesContext(connection) as asked:
        client.get(path)
    for number in range(10):
        account = UserAccount.objects.create(name=f"More {number}")
        AmoCRMConnection.objects.create(
            user_account=account, subdomain=f"more{number}", amocrm_account_id=1000 + number
        )
    with django_assert_num_queries(len(asked)):
        assert "more9" in client.get(path).content.decode()


def test_staff_and_owners_see_the_signed_hook_addresses_and_viewers_do_not(world: World) -> None:
    path = address(UserAccount, "change", world.alfa.pk)
    addresses = [hook_url(world.alfa, hook) for hook in Hook]
    for name in ("alice", "sam", "root"):
        assert all(each in page(world, path, name) for each in addresses)
    assert "sig=" not in page(world, path, "vera")


def test_a_lead_leads_to_its_deal_and_to_the_delivery_that_told_of_it(world: World) -> None:
    shown = page(world, address(Lead, "change", world.rows[Lead].pk), "vera")
    assert f"https://alfa.amocrm.ru/leads/detail/{admin_world.DEAL}" in shown
    assert address(WebhookLog, "change", world.rows[WebhookLog].pk) in shown
    assert "ALFAWORLD talks" in shown


def test_a_lead_of_an_account_without_a_connection_is_shown_too(world: World) -> None:
    AmoCRMConnection.objects.all().delete()
    client = world.client("alice")
    assert client.get(address(Lead, "changelist")).status_code == 200
    assert client.get(address(LeadStatusHistory, "changelist")).status_code == 200


def test_reading_pipelines_of_what_is_not_connected_says_so(world: World) -> None:
    AmoCRMConnection.objects.update(state="disconnected")
    chosen = {"action": "read_pipelines_selected", "_selected_action": [world.rows[AmoCRMConnection].pk]}
    answer = world.client("sam").post(address(AmoCRMConnection, "changelist"), chosen, follow=True)
    assert "is not connected" in answer.content.decode()


@pytest.fixture
def connected_world(world: World, amocrm: Server) -> World:
    AmoCRMConnection.objects.filter(user_account=world.alfa).delete()
    world.rows[AmoCRMConnection] = connect(world.alfa, amocrm)
    return world


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fault", "told"),
    [(None, "1 pipelines, 7 stages"), (Fault("status", status=402), "The amoCRM account is not paid")],
)
def test_pipelines_are_read_at_once_from_the_list_and_from_the_row(
    connected_world: World, amocrm: Server, fault: Fault | None, told: str
) -> None:
    row = connected_world.rows[AmoCRMConnection]
    if fault is not None:
        amocrm.crm.faults.arm(fault)
    client, changelist = connected_world.client("sam"), address(AmoCRMConnection, "changelist")
    chosen = {"action": "read_pipelines_selected", "_selected_action": [row.pk]}
    assert told in messages_of(client.post(changelist, chosen, follow=True))
    # A dialog of the theme's, which sends its own sign that somebody has said yes.
    client.post(address(AmoCRMConnection, "read_pipelines", row.pk), {"_form_submitted": "True"})
    assert told in messages_of(client.get(changelist))


def messages_of(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])
