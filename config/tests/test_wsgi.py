"""Deliveries at both doors: straight through the WSGI application, and through Django with all its middleware."""

from __future__ import annotations

import io
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from django.db import connection
from werkzeug.test import Client

from config import wsgi
from integrations.intake.signature import sign
from integrations.intake.urls import ADDRESSES
from integrations.intake.views import MAX_BODY_BYTES
from integrations.models import Hook, WebhookLog
from leads.models import UserAccount

FORM = "application/x-www-form-urlencoded"
BODY = b"leads[add][0][id]=5&account[id]=1&broken=%FF%&="


@pytest.fixture(params=["straight", "through Django"])
def door(request: pytest.FixtureRequest, transactional_db: None) -> Client:
    doors: dict[str, WSGIApplication] = {"straight": wsgi.application, "through Django": wsgi.django_application}
    return Client(doors[request.param])


@pytest.fixture
def alfa(transactional_db: None) -> UserAccount:
    return UserAccount.objects.create(name="Alfa")


def signed(account: UserAccount, hook: Hook = Hook.AMOCRM, version: int = 1) -> dict[str, str]:
    return {"user_id": str(account.pk), "sig": sign(account.pk, hook, version)}


def post(door: Client, path: str, query: dict[str, str], body: bytes = BODY, **more: Any) -> Any:
    return door.post(path, query_string=query, data=body, content_type=FORM, **more)


@pytest.mark.parametrize("spelling", ["/{}", "/{}/", "/api/{}", "/api/{}/"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_delivery_is_stored_as_it_came(door: Client, alfa: UserAccount, address: str, spelling: str) -> None:
    hook = ADDRESSES[address]
    answer = post(door, spelling.format(address), signed(alfa, hook), headers={"X-Amocrm-Requestid": "abc"})
    row = WebhookLog.objects.get()
    assert (answer.status_code, answer.json) == (200, {"success": True, "delivery_id": row.pk})
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert (bytes(row.raw_body), row.content_type, row.request_id) == (BODY, FORM, "abc")
    assert (row.user_account_id, row.source, row.processing_status) == (alfa.pk, hook, "received")


def test_what_is_not_signed_for_this_hook_is_refused_and_leaves_no_row(door: Client, alfa: UserAccount) -> None:
    good = signed(alfa)
    bad: list[dict[str, str]] = [
        {},
        {"user_id": good["user_id"]},
        {"sig": good["sig"]},
        good | {"sig": good["sig"][:-1] + "x"},
        good | {"user_id": "nobody"},
        signed(alfa, Hook.TRAFFIC),
        signed(alfa, version=2),
        signed(UserAccount(name="Unknown")),
    ]
    for query in bad:
        answer = post(door, "/webhooks/amocrm", query)
        assert answer.status_code == 403
        assert "not signed" in answer.json["detail"]
    assert not WebhookLog.objects.exists()


def test_a_retired_key_is_refused_and_the_next_one_taken(door: Client, alfa: UserAccount) -> None:
    UserAccount.objects.update(hook_key_version=2, hook_key_oldest=2)
    assert post(door, "/webhooks/amocrm", signed(alfa, version=1)).status_code == 403
    assert post(door, "/webhooks/amocrm", signed(alfa, version=2)).status_code == 200


def test_ten_megabytes_are_stored_and_more_is_413(door: Client, alfa: UserAccount) -> None:
    assert post(door, "/webhooks/amocrm", signed(alfa), b"x" * MAX_BODY_BYTES).status_code == 200
    assert len(WebhookLog.objects.get().raw_body) == MAX_BODY_BYTES
    answer = post(door, "/webhooks/amocrm", signed(alfa), b"x" * (MAX_BODY_BYTES + 1))
    assert (answer.status_code, WebhookLog.objects.count()) == (413, 1)
    assert "10 MB" in answer.json["detail"]


def test_an_empty_and_a_chunked_body_are_stored(door: Client, alfa: UserAccount) -> None:
    assert post(door, "/webhooks/amocrm", signed(alfa), b"").status_code == 200
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(BODY), "wsgi.input_terminated": True}
    answer = door.post("/webhooks/amocrm", query_string=signed(alfa), content_type=FORM, environ_overrides=chunked)
    assert answer.status_code == 200
    assert [bytes(row.raw_body) for row in WebhookLog.objects.order_by("id")] == [b"", BODY]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_post_delivers(door: Client, alfa: UserAccount, method: str) -> None:
    answer = door.open("/webhooks/amocrm/", method=method, query_string=signed(alfa))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert not WebhookLog.objects.exists()


def test_the_hooks_test_address_answers_in_place(door: Client) -> None:
    answer: Any = door.get("/webhook/amocrm/traffic/test")
    assert answer.json["endpoint"] == "/webhook/amocrm/traffic"


def test_what_the_database_does_not_take_is_never_acknowledged(door: Client, alfa: UserAccount) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhook_logs RENAME TO webhook_logs_away")
    try:
        answer = post(door, "/webhooks/amocrm", signed(alfa))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhook_logs_away RENAME TO webhook_logs")
    assert answer.status_code >= 500
    assert answer.json["detail"]
    assert post(door, "/webhooks/amocrm", signed(alfa)).status_code == 200


def test_a_thread_keeps_its_connection_from_one_delivery_to_the_next(alfa: UserAccount) -> None:
    straight = Client(wsgi.application)
    post(straight, "/webhooks/amocrm", signed(alfa))
    kept = connection.connection
    assert kept is not None
    post(straight, "/webhooks/amocrm", signed(alfa))
    assert connection.connection is kept


@pytest.mark.skipif(connection.vendor == "sqlite", reason="the connection to a file does not die")
def test_a_connection_that_died_is_replaced_and_the_delivery_stored(door: Client, alfa: UserAccount) -> None:
    query = signed(alfa)
    connection.ensure_connection()
    connection.connection.close()
    assert post(door, "/webhooks/amocrm", query).status_code == 200
    assert WebhookLog.objects.count() == 1


def test_the_rest_goes_through_django(transactional_db: None) -> None:
    answer = Client(wsgi.application).get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})
    assert "Content-Security-Policy" in answer.headers
