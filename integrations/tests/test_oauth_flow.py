from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from integrations.models import AmoCRMConnection, ConnectionState, OAuthState
from leads.services.accounts import token_create
from leads.tests.cast import Cast, client, make_cast
from sandbox import CLIENT_ID, CLIENT_SECRET, Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None, amocrm: Server, settings: Settings) -> Cast:
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    settings.AMOCRM_AUTH_URL = f"{amocrm.url}/oauth"
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Client:
    return client(cast.alice)


def begin(browser: Client, **query: Any) -> str:
    """Start at our side; the state that goes to amoCRM."""
    answer = browser.get("/amocrm/auth", query)
    assert answer.status_code == 302, answer.content
    return parse_qs(urlsplit(answer["Location"]).query)["state"][0]


def come_back(browser: Client, server: Server, state: str | None, **changes: Any) -> Any:
    """As amoCRM sends the browser back after consent."""
    query = {
        "code": server.crm.oauth.code_for(CLIENT_ID, server.crm.demo.id),
        "referer": "demo.amocrm.ru",
        "state": state,
        "platform": "1",
        "client_id": CLIENT_ID,
        **changes,
    }
    return browser.get("/amocrm/callback", {key: value for key, value in query.items() if value is not None})


def test_a_person_is_sent_to_amocrms_consent_page(alice: Client, settings: Settings) -> None:
    answer = alice.get("/api/amocrm/auth/", {"subdomain": "demo"})
    address = urlsplit(answer["Location"])
    query = parse_qs(address.query)
    assert answer["Location"].startswith(settings.AMOCRM_AUTH_URL)
    assert query["client_id"] == [CLIENT_ID]
    assert query["mode"] == ["popup"]
    assert len(query["state"][0]) > 30


def test_what_no_database_can_hold_is_refused_where_one_connects(alice: Client) -> None:
    for path, name in (("/amocrm/auth", "subdomain"), ("/amocrm/callback", "state")):
        answer = alice.get(path, {name: "demo\x00"})
        assert (answer.status_code, answer.json()["detail"]) == (400, f"{name}: Null characters are not allowed.")


def test_consent_connects_the_account(alice: Client, cast: Cast, amocrm: Server) -> None:
    answer = come_back(alice, amocrm, begin(alice))
    assert (answer.status_code, answer["Location"]) == (302, "/connection/")
    connection = AmoCRMConnection.objects.get(user_account=cast.alpha)
    assert connection.state == ConnectionState.CONNECTED
    assert (connection.host, connection.subdomain, connection.currency) == ("demo.amocrm.ru", "demo", "KZT")
    assert connection.amocrm_account_id == amocrm.crm.demo.id
    assert connection.is_api_filter_enabled is False
    status = alice.get("/amocrm/status").json()
    assert (status["connected"], status["state"], status["problem"]) == (True, "connected", None)


def test_the_token_request_is_json_with_everything_amocrm_asks_for(alice: Client, amocrm: Server) -> None:
    # The sandbox answers 401 to a form, and 400 to a redirect_uri that is missing or not the registered one.
    assert come_back(alice, amocrm, begin(alice)).status_code == 302
    kinds = [(seen.kind, seen.method, seen.status) for seen in amocrm.crm.requests]
    assert kinds == [("oauth", "POST", 200), ("api", "GET", 200)]


@pytest.mark.parametrize("referer", ["https://demo.amocrm.ru", "https://demo.amocrm.ru/", "DEMO.amocrm.ru"])
def test_the_referer_may_be_a_url(alice: Client, amocrm: Server, referer: str) -> None:
    assert come_back(alice, amocrm, begin(alice), referer=referer).status_code == 302


@pytest.mark.parametrize(
    "referer", [None, "", "evil.com", "demo.amocrm.ru.evil.com", "https://demo.amocrm.ru@evil.com", "127.0.0.1:80"]
)
def test_a_foreign_referer_is_400_and_nothing_is_sent(alice: Client, amocrm: Server, referer: str | None) -> None:
    answer = come_back(alice, amocrm, begin(alice), referer=referer)
    assert answer.status_code == 400
    assert "amoCRM" in answer.json()["detail"]
    assert not amocrm.crm.requests


def test_a_state_is_good_once(alice: Client, amocrm: Server) -> None:
    state = begin(alice)
    assert come_back(alice, amocrm, state).status_code == 302
    sent = len(amocrm.crm.requests)
    assert come_back(alice, amocrm, state).status_code == 400
    assert len(amocrm.crm.requests) == sent


def test_a_state_is_good_for_twenty_minutes(alice: Client, amocrm: Server) -> None:
    state = begin(alice)
    OAuthState.objects.update(created_at=timezone.now() - timedelta(minutes=21))
    assert come_back(alice, amocrm, state).status_code == 400
    assert not amocrm.crm.requests


@pytest.mark.parametrize("state", [None, "", "never-made"])
def test_an_unknown_state_is_400(alice: Client, amocrm: Server, state: str | None) -> None:
    assert come_back(alice, amocrm, state).status_code == 400
    assert not amocrm.crm.requests


def test_a_state_is_good_only_in_the_session_that_started_it(alice: Client, cast: Cast, amocrm: Server) -> None:
    state = begin(alice)
    for browser in (client(cast.charlie), client(cast.alice), client()):
        assert come_back(browser, amocrm, state).status_code == 403
    assert not amocrm.crm.requests
    assert come_back(alice, amocrm, state).status_code == 302


def test_somebody_unknown_without_a_state_is_told_to_sign_in(cast: Cast) -> None:
    assert client().get("/amocrm/callback").status_code == 401


def test_declining_leads_back_to_the_page_with_a_message(alice: Client, amocrm: Server) -> None:
    answer = come_back(alice, amocrm, begin(alice), code=None, referer=None, error="access_denied")
    assert (answer.status_code, answer["Location"]) == (302, "/connection/")
    assert "declined" in str(next(iter(get_messages(answer.wsgi_request))))
    assert not amocrm.crm.requests
    assert not AmoCRMConnection.objects.exists()


def test_a_missing_code_is_400(alice: Client, amocrm: Server) -> None:
    assert come_back(alice, amocrm, begin(alice), code=None).status_code == 400


def test_a_code_that_amocrm_refuses_is_said_so(alice: Client, amocrm: Server) -> None:
    answer = come_back(alice, amocrm, begin(alice), code="made-up")
    assert answer.status_code == 400
    # amoCRM's own words stand as sentences between ours.
    said = "Cannot decrypt the authorization code. В запросе отсутствует ряд параметров или параметры невалидны."
    assert answer.json()["detail"] == f"amoCRM refused the connection: {said} Begin again."
    assert not AmoCRMConnection.objects.exists()


def test_a_wrong_secret_of_ours_is_no_fault_of_the_browser(alice: Client, amocrm: Server, settings: Settings) -> None:
    settings.AMOCRM_CLIENT_SECRET = "mistyped"
    assert come_back(alice, amocrm, begin(alice)).status_code == 502


def test_nor_is_a_redirect_uri_that_amocrm_does_not_know(alice: Client, amocrm: Server, settings: Settings) -> None:
    amocrm.crm.oauth.clients[CLIENT_ID].redirect_uri = settings.AMOCRM_REDIRECT_URI + "x"
    answer = come_back(alice, amocrm, begin(alice))
    assert answer.status_code == 502
    assert "Redirect URI is not associated with client" in answer.json()["detail"]


def test_an_outage_on_the_way_is_said_so(alice: Client, amocrm: Server) -> None:
    amocrm.crm.faults.answer(500)
    assert come_back(alice, amocrm, begin(alice)).status_code == 503


def test_an_amocrm_account_belongs_to_one_account_here(alice: Client, cast: Cast, amocrm: Server) -> None:
    assert come_back(alice, amocrm, begin(alice)).status_code == 302
    charlie = client(cast.charlie)
    answer = come_back(charlie, amocrm, begin(charlie))
    assert answer.status_code == 409
    assert "already" in answer.json()["detail"]
    assert not AmoCRMConnection.objects.filter(user_account=cast.beta).exists()


def test_a_browser_gets_the_refusal_as_a_page(alice: Client, amocrm: Server) -> None:
    query = {"state": "never-made", "code": "<b>x", "referer": "demo.amocrm.ru"}
    answer = alice.get("/amocrm/callback", query, HTTP_ACCEPT="text/html,*/*")
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("text/html")
    assert "/connection/" in answer.content.decode()


def test_connecting_anew_clears_what_was_wrong(alice: Client, cast: Cast, amocrm: Server) -> None:
    come_back(alice, amocrm, begin(alice))
    AmoCRMConnection.objects.update(
        state="reconnect_needed", problem_code="reconnect_needed", problem_detail="x", failures=3
    )
    assert come_back(alice, amocrm, begin(alice)).status_code == 302
    status = alice.get("/amocrm/status").json()
    assert (status["state"], status["problem"]) == ("connected", None)


def test_only_owners_connect_and_only_by_session(cast: Cast) -> None:
    assert client(cast.sam).get("/amocrm/auth").status_code == 403
    assert client(cast.vera).get("/amocrm/auth").status_code == 403
    assert client().get("/amocrm/auth").status_code == 401
    token = token_create(cast.alice)
    assert client().get("/amocrm/auth", HTTP_AUTHORIZATION=f"Token {token}").status_code == 401
    assert client(cast.alice).get("/amocrm/auth", {"userAccountId": str(cast.beta.pk)}).status_code == 404


def test_no_secret_is_logged_on_the_way(
    alice: Client, cast: Cast, amocrm: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    state = begin(alice)
    code = amocrm.crm.oauth.code_for(CLIENT_ID, amocrm.crm.demo.id)
    come_back(alice, amocrm, state, code=code)
    connection = AmoCRMConnection.objects.get(user_account=cast.alpha)
    for secret in (connection.access_token, connection.refresh_token, CLIENT_SECRET, code):
        assert secret not in caplog.text
