from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, Server

from .conftest import Listener

CALLBACK = "http://127.0.0.1:1/amocrm/callback"


def ask(server: Server, grant: dict[str, Any], **changes: Any) -> requests.Response:
    body = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": CALLBACK, **grant, **changes}
    return requests.post(f"{server.url}/oauth2/access_token", json=body, timeout=30)


def refresh(server: Server, token: str, **changes: Any) -> requests.Response:
    return ask(server, {"grant_type": "refresh_token", "refresh_token": token}, **changes)


def redeem(server: Server, code: str, **changes: Any) -> requests.Response:
    return ask(server, {"grant_type": "authorization_code", "code": code}, **changes)


@pytest.fixture
def pair(server: Server) -> dict[str, Any]:
    code = server.crm.oauth.code_for(CLIENT_ID, server.crm.demo.id)
    return dict(redeem(server, code).json())


def test_consent_sends_the_browser_back_with_code_referer_state_and_platform(server: Server) -> None:
    page = requests.get(f"{server.url}/oauth", params={"client_id": CLIENT_ID, "state": "abc"}, timeout=30)
    assert "sandbox amoCRM" in page.text
    form = {"client_id": CLIENT_ID, "state": "abc", "redirect_uri": CALLBACK, "decision": "allow"}
    answer = requests.post(f"{server.url}/oauth/decide", data=form, allow_redirects=False, timeout=30)
    address = urlsplit(answer.headers["Location"])
    query = {key: values[0] for key, values in parse_qs(address.query).items()}
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(CALLBACK)
    assert query.pop("code")
    assert query == {"referer": "demo.amocrm.ru", "state": "abc", "platform": "1", "client_id": CLIENT_ID}


def test_denying_sends_the_error_and_the_state(server: Server) -> None:
    form = {"client_id": CLIENT_ID, "state": "abc", "redirect_uri": CALLBACK, "decision": "deny"}
    answer = requests.post(f"{server.url}/oauth/decide", data=form, allow_redirects=False, timeout=30)
    query = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert query["error"] == "access_denied"
    assert query["state"] == "abc"
    assert "code" not in query


def test_an_unregistered_address_is_refused_once_one_is_known(server: Server, pair: dict[str, Any]) -> None:
    form = {"client_id": CLIENT_ID, "redirect_uri": "http://evil.example/", "decision": "allow"}
    answer = requests.post(f"{server.url}/oauth/decide", data=form, allow_redirects=False, timeout=30)
    assert answer.headers["Location"].startswith(CALLBACK)


def test_a_code_gives_a_pair_and_the_token_is_a_jwt_that_opens_the_api(server: Server, pair: dict[str, Any]) -> None:
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 86_400
    payload = pair["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["account_id"] == server.crm.demo.id
    assert claims["base_domain"] == "amocrm.ru"
    assert claims["exp"] - claims["iat"] == 86_400
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    answer = requests.get(f"{server.url}/api/v4/account", headers=headers, timeout=30)
    assert answer.json()["subdomain"] == "demo"


def test_a_code_works_once_and_for_twenty_minutes(server: Server) -> None:
    crm = server.crm
    code = crm.oauth.code_for(CLIENT_ID, crm.demo.id)
    assert redeem(server, code).status_code == 200
    again = redeem(server, code)
    assert (again.status_code, again.json()["hint"]) == (400, "Authorization code has been revoked")
    late = crm.oauth.code_for(CLIENT_ID, crm.demo.id)
    crm.clock.advance(20 * 60)
    assert redeem(server, late).json()["hint"] == "Authorization code has expired"
    assert redeem(server, "nonsense").json()["hint"] == "Cannot decrypt the authorization code"


def test_a_refresh_token_works_once(server: Server, pair: dict[str, Any]) -> None:
    first = refresh(server, pair["refresh_token"])
    assert first.status_code == 200
    again = refresh(server, pair["refresh_token"])
    assert again.status_code == 401
    assert again.json()["hint"] == "Token has been revoked"
    assert again.json()["type"].endswith("OAuthProblemJson")
    assert refresh(server, first.json()["refresh_token"]).status_code == 200


def test_kommo_takes_the_old_refresh_token_until_the_new_one_is_used(server: Server, pair: dict[str, Any]) -> None:
    server.crm.switches.kommo_refresh = True
    assert refresh(server, pair["refresh_token"]).status_code == 200
    newer = refresh(server, pair["refresh_token"]).json()
    assert refresh(server, newer["refresh_token"]).status_code == 200
    assert refresh(server, pair["refresh_token"]).status_code == 401


def test_a_lost_answer_has_used_the_token_all_the_same(server: Server, pair: dict[str, Any]) -> None:
    server.crm.faults.lose_answer(prefix="/oauth2/access_token")
    with pytest.raises(requests.ConnectionError):
        refresh(server, pair["refresh_token"])
    assert refresh(server, pair["refresh_token"]).status_code == 401


CLIENT = (401, "Некорректный клиент")
REQUEST = (400, "Некорректный запрос")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({"client_secret": "x"}, CLIENT), ({"client_id": "x"}, CLIENT), ({"redirect_uri": "http://other/"}, REQUEST)],
)
def test_a_wrong_client_or_redirect_uri_is_refused(
    server: Server, pair: dict[str, Any], changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = refresh(server, pair["refresh_token"], **changes)
    assert (answer.status_code, answer.json()["title"]) == refusal
    assert refresh(server, pair["refresh_token"]).status_code == 200


def test_form_bodies_are_refused_unless_switched_on(server: Server, pair: dict[str, Any]) -> None:
    form = {
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": CALLBACK,
        "grant_type": "refresh_token", "refresh_token": pair["refresh_token"],
    }  # fmt: skip
    address = f"{server.url}/oauth2/access_token"
    assert requests.post(address, data=form, timeout=30).status_code == 401
    server.crm.switches.token_accepts_form = True
    assert requests.post(address, data=form, timeout=30).status_code == 200


def test_tokens_grow_old(server: Server, pair: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    server.crm.clock.advance(86_400)
    answer = requests.get(f"{server.url}/api/v4/account", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Неверный логин или пароль"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_disabling_revokes_everything_and_tells_with_a_signature(
    crm: Sandbox, server: Server, listener: Listener
) -> None:
    pair = crm.oauth.pair_for(crm.demo.id, CLIENT_ID)
    crm.oauth.clients[CLIENT_ID].disable_url = listener.url.partition("?")[0]
    requests.post(f"{server.url}/_sandbox/revoke", json={}, timeout=30)
    query = dict(parse_qsl(listener.queries[0].partition("?")[2]))
    message = f"{CLIENT_ID}|{crm.demo.id}".encode()
    assert query["signature"] == hmac.new(CLIENT_SECRET.encode(), message, hashlib.sha256).hexdigest()
    assert query["client_uuid"] == CLIENT_ID
    assert crm.oauth.holder(pair.access_token) is None
    assert refresh(server, pair.refresh_token).status_code == 401


def test_the_subdomain_can_be_asked_for_by_a_refresh_token_without_using_it(server: Server) -> None:
    crm = server.crm
    pair = crm.oauth.pair_for(crm.demo.id, CLIENT_ID)
    for _ in range(2):
        answer = requests.get(
            f"{server.url}/oauth2/account/current/subdomain",
            headers={"X-Refresh-Token": pair.refresh_token},
            timeout=30,
        )
        assert answer.json() == {
            "id": crm.demo.id, "subdomain": "demo", "domain": "demo.amocrm.ru", "top_level_domain": "ru"
        }  # fmt: skip


def test_the_account_is_told_by_the_token(server: Server) -> None:
    second = server.crm.add_account("second")
    headers = {"Authorization": f"Bearer {server.crm.long_lived_token(second)}"}
    answer = requests.get(f"{server.url}/api/v4/account", headers=headers, timeout=30)
    assert answer.json()["id"] == second.id
