from __future__ import annotations

import pytest
import requests

from sandbox import CLIENT_ID, Sandbox, Server, serve
from sandbox.limits import most_in_a_second

from .conftest import Api


def test_an_outage_cuts_the_connection_until_it_is_lifted(crm: Sandbox, api: Api) -> None:
    fault = crm.faults.outage()
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            api.get("account")
    crm.faults.lift(fault)
    assert api.get("account").status_code == 200
    assert [seen.status for seen in crm.requests] == [0, 0, 200]


def test_a_machine_that_is_down_refuses_and_comes_back_at_its_port(server: Server, api: Api) -> None:
    assert api.get("account").status_code == 200
    url = server.url
    server.refuse_connections()
    with pytest.raises(requests.ConnectionError):
        api.get("account")
    server.accept_connections()
    assert server.url == url
    assert api.get("account").status_code == 200


@pytest.mark.parametrize(("status", "is_html"), [(500, False), (502, True), (504, True), (402, False), (403, False)])
def test_a_status_comes_as_often_as_armed(crm: Sandbox, api: Api, status: int, is_html: bool) -> None:
    crm.faults.answer(status, times=2)
    for _ in range(2):
        answer = api.get("account")
        assert answer.status_code == status
        assert ("html" in answer.headers["Content-Type"]) is is_html
    assert api.get("account").status_code == 200


def test_a_fault_can_be_for_some_paths_only(crm: Sandbox, api: Api) -> None:
    crm.faults.answer(500, prefix="/api/v4/leads")
    assert api.get("leads").json()["trace_id"]
    assert api.get("account").status_code == 200


def test_half_a_body_comes_and_then_the_end(crm: Sandbox, api: Api) -> None:
    crm.faults.truncate()
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        api.get("account")
    assert api.get("account").status_code == 200


def test_a_body_can_drip_and_an_answer_be_late(crm: Sandbox, api: Api) -> None:
    crm.faults.drip(0.2)
    assert api.get("account").json()["subdomain"] == "demo"
    crm.faults.latency(0.2, times=1)
    answer = api.get("account")
    assert answer.elapsed.total_seconds() >= 0.2


def test_a_lost_answer_did_the_work(crm: Sandbox, api: Api) -> None:
    crm.faults.lose_answer(method="POST")
    with pytest.raises(requests.ConnectionError):
        api.post("leads", json=[{"name": "made"}])
    assert [row["name"] for row in api.get("leads").json()["_embedded"]["leads"]] == ["made"]


def test_the_eighth_request_in_a_second_is_429_and_the_record_shows_the_rate() -> None:
    with serve(Sandbox()) as server:
        api = Api(server.url, server.crm.long_lived_token())
        statuses = [api.get("account").status_code for _ in range(8)]
        assert statuses == [200] * 7 + [429]
        assert server.crm.max_in_any_second() == 8
        assert server.crm.journal.counts("api")["GET", "/api/v4/account"] == 8


def test_429_is_json_or_html_with_or_without_a_time_to_wait() -> None:
    with serve(Sandbox(requests_per_second=0, retry_after=3, block_after=0)) as server:
        api = Api(server.url, server.crm.long_lived_token())
        answer = api.get("account")
        assert (answer.status_code, answer.json()["retry_after"], answer.headers["Retry-After"]) == (429, 3, "3")
        server.crm.set_switches({"too_many_as_html": True, "retry_after": 0})
        answer = api.get("account")
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "Retry-After" not in answer.headers


def test_who_does_not_heed_429_is_blocked_until_it_is_lifted() -> None:
    with serve(Sandbox(requests_per_second=0, block_after=5)) as server:
        api = Api(server.url, server.crm.long_lived_token())
        assert [api.get("account").status_code for _ in range(6)] == [429] * 5 + [403]
        server.crm.switches.requests_per_second = 7
        assert api.get("account").status_code == 403
        server.crm.limits.lift()
        assert api.get("account").status_code == 200


def test_each_account_has_a_rate_of_its_own() -> None:
    with serve(Sandbox(requests_per_second=2)) as server:
        second = server.crm.add_account("second")
        for account in (server.crm.demo, second):
            api = Api(server.url, server.crm.long_lived_token(account))
            assert [api.get("account").status_code for _ in range(3)] == [200, 200, 429]


def test_token_requests_count_too() -> None:
    with serve(Sandbox(requests_per_second=1)) as server:
        crm = server.crm
        api = Api(server.url, crm.long_lived_token())
        assert api.get("account").status_code == 200
        pair = crm.oauth.pair_for(crm.demo.id, CLIENT_ID)
        body = {"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": pair.refresh_token}
        assert requests.post(f"{server.url}/oauth2/access_token", json=body, timeout=30).status_code == 429


def test_any_second_is_a_sliding_one() -> None:
    assert most_in_a_second([0.0, 0.9, 1.0, 1.8, 1.89]) == 4
    assert most_in_a_second([]) == 0


def test_telegram_keeps_messages_and_refuses_on_demand(server: Server) -> None:
    telegram = server.crm.telegram
    address = f"{server.url}/telegram/bot1:abc/sendMessage"
    assert requests.post(address, json={"chat_id": 7, "text": "Продажа"}, timeout=30).json()["ok"] is True
    assert requests.post(f"{server.url}/bot1:abc/sendMessage", data={"chat_id": "8", "text": "x"}, timeout=30).ok
    assert [(message.chat_id, message.text) for message in telegram.messages] == [("7", "Продажа"), ("8", "x")]
    telegram.fail(429, retry_after=9)
    refused = requests.post(address, json={"chat_id": 7, "text": "x"}, timeout=30)
    assert (refused.status_code, refused.json()["parameters"]) == (429, {"retry_after": 9})
    telegram.fail(403, times=None)
    assert [requests.post(address, json={"chat_id": 7, "text": "x"}, timeout=30).status_code for _ in "ab"] == [403] * 2
    telegram.clear_faults()
    assert requests.post(address, json={"chat_id": 7, "text": ""}, timeout=30).status_code == 400
    assert len(telegram.messages) == 2
