from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from http.client import HTTPException

import pytest
from pytest_django import Settings

from integrations import http
from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import (
    AmoCRMError,
    Blocked,
    ConditionError,
    Outage,
    RateLimited,
    ReconnectNeeded,
    RequestError,
    Unpaid,
)
from integrations.models import AmoCRMConnection, ConnectionState, Problem, RateSlot
from leads.models import UserAccount
from sandbox import CLIENT_ID, Fault, Server
from sandbox.rest import problems

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(connected: UserAccount) -> AmoCRMConnection:
    return AmoCRMConnection.objects.get(user_account=connected)


@pytest.fixture
def client(connection: AmoCRMConnection) -> AmoCRMClient:
    return AmoCRMClient(connection)


def paths(server: Server) -> list[str]:
    return [seen.path.partition("?")[0].removeprefix("/api/v4/") for seen in server.crm.requests]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_5xx_is_an_outage_after_three_tries(client: AmoCRMClient, amocrm: Server, status: int) -> None:
    amocrm.crm.faults.answer(status)
    with pytest.raises(Outage) as caught:
        client.pipelines()
    assert (caught.value.status, caught.value.problem) == (status, Problem.OUTAGE)
    assert caught.value.request_id
    assert paths(amocrm) == ["leads/pipelines"] * 3
    assert client.requests_made == 3


@pytest.mark.parametrize("kind", ["reset", "lose_answer", "truncate"])
def test_one_broken_connection_is_got_over(client: AmoCRMClient, amocrm: Server, kind: str) -> None:
    amocrm.crm.faults.arm(Fault(kind, times=1))
    assert client.account().subdomain == "demo"


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_a_broken_connection_that_stays_is_an_outage(client: AmoCRMClient, amocrm: Server, kind: str) -> None:
    amocrm.crm.faults.arm(Fault(kind))
    with pytest.raises(Outage) as caught:
        client.account()
    assert caught.value.status in (None, 200)


def test_nobody_listening_is_an_outage(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.refuse_connections()
    with pytest.raises(Outage):
        client.account()
    amocrm.accept_connections()
    assert client.account().subdomain == "demo"


def test_a_page_of_html_with_200_is_an_outage(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.crm.faults.answer(200, html=True)
    with pytest.raises(Outage):
        client.account()


def test_an_empty_answer_to_a_question_is_an_outage_and_no_empty_list(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.crm.faults.arm(Fault("empty"))
    with pytest.raises(Outage):
        client.get("leads", {"limit": 250})


def test_a_redirect_is_an_outage_and_not_followed(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.crm.faults.answer(302)
    with pytest.raises(Outage):
        client.account()
    assert set(paths(amocrm)) == {"account"}


def test_an_answer_that_drips_is_given_up_at_the_deadline(
    client: AmoCRMClient, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.6)
    amocrm.crm.faults.drip(60, times=None)
    began = time.monotonic()
    with pytest.raises(Outage):
        client.account()
    assert time.monotonic() - began < 30


def test_a_deadline_that_has_begun_to_cut_a_connection_is_over_before_the_answer_is_used(
    amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[bool] = []

    def cut_slowly(_connection: object) -> None:
        threading.Event().wait(0.3)
        cut.append(True)

    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.0)
    monkeypatch.setattr(http._Deadline, "_give_up", cut_slowly)
    with suppress(HTTPException, OSError):
        http.BoundedSession().get(amocrm.url)
    assert cut


def test_an_answer_too_long_is_given_up(client: AmoCRMClient, amocrm: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 100)
    with pytest.raises(Outage):
        client.account()


@pytest.mark.parametrize("is_html", [False, True])
def test_a_429_backs_the_bucket_off_and_is_tried_again(client: AmoCRMClient, amocrm: Server, is_html: bool) -> None:
    amocrm.crm.faults.answer(429, times=1, html=is_html)
    began = time.monotonic()
    assert client.account().subdomain == "demo"
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("is_html", [False, True])
def test_a_429_that_names_a_long_time_stops_everybody_for_it(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server, is_html: bool
) -> None:
    amocrm.crm.faults.answer(429, times=1, html=is_html, retry_after=300)
    with pytest.raises(RateLimited) as caught:
        client.account()
    assert caught.value.retry_after == 300
    with pytest.raises(RateLimited):
        AmoCRMClient(connection).pipelines()
    assert len(amocrm.crm.requests) == 1


def test_a_403_for_want_of_rights_is_the_requests_own_fault(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.crm.faults.answer(403, prefix="/api/v4/webhooks")
    with pytest.raises(RequestError) as caught:
        client.webhooks()
    assert caught.value.status == 403
    assert client.pipelines().pipelines


def test_a_403_to_everything_is_a_block_and_one_question_a_minute(
    client: AmoCRMClient, amocrm: Server, settings: Settings
) -> None:
    settings.AMOCRM_BLOCK_PROBE_SECONDS = 60
    amocrm.crm.limits.block(amocrm.crm.demo.id, CLIENT_ID)
    with pytest.raises(Blocked):
        client.pipelines()
    assert paths(amocrm) == ["leads/pipelines", "account"]
    for ask in (client.pipelines, client.account, lambda: client.deals([1, 2])):
        with pytest.raises(Blocked) as caught:
            ask()
        assert caught.value.retry_after == pytest.approx(60, abs=10)
    assert len(amocrm.crm.requests) == 2

    RateSlot.objects.update(blocked_until=1.0)  # a minute later
    with pytest.raises(Blocked):
        client.pipelines()
    assert paths(amocrm)[2:] == ["account"]

    amocrm.crm.limits.lift()
    RateSlot.objects.update(blocked_until=1.0)
    assert client.pipelines().pipelines
    assert paths(amocrm)[3:] == ["account", "leads/pipelines"]


def test_an_address_that_the_account_does_not_allow_is_said_in_amocrms_words(
    client: AmoCRMClient, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Доступ к данному аккаунту запрещён с Вашего IP адреса"
    monkeypatch.setitem(problems.DETAILS, 403, said)
    amocrm.crm.faults.answer(403)
    with pytest.raises(Blocked, match=said):
        client.pipelines()


def test_402_says_that_the_account_is_not_paid(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.crm.demo.profile.is_paid = False
    with pytest.raises(Unpaid):
        client.account()
    assert len(amocrm.crm.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 422])
def test_other_refusals_are_the_requests_own_fault_and_not_repeated(
    client: AmoCRMClient, amocrm: Server, status: int
) -> None:
    amocrm.crm.faults.answer(status, prefix="/api/v4/leads")
    with pytest.raises(RequestError) as caught:
        client.pipelines()
    assert caught.value.status == status
    assert paths(amocrm).count("leads/pipelines") == 1


def test_a_dead_long_lived_token_marks_the_connection(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server
) -> None:
    amocrm.crm.oauth.revoke(amocrm.crm.demo.id, CLIENT_ID)
    with pytest.raises(ReconnectNeeded):
        client.account()
    connection.refresh_from_db()
    assert connection.state == ConnectionState.RECONNECT_NEEDED
    assert connection.problem_code == Problem.RECONNECT_NEEDED
    with pytest.raises(ReconnectNeeded):
        client.account()
    assert len(amocrm.crm.requests) == 1


def test_what_must_not_happen_twice_is_not_sent_again(client: AmoCRMClient, amocrm: Server) -> None:
    amocrm.crm.faults.lose_answer(times=None)
    with pytest.raises(Outage):
        client.post("leads", [{"name": "one"}], repeatable=False)
    assert len(amocrm.crm.requests) == 1


def test_no_error_or_log_ever_holds_a_secret(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[object] = []
    faults = [Fault("status", status=status, times=1) for status in (400, 401, 403, 402, 422)]
    for fault in [*faults, Fault("reset", times=3), Fault("truncate", times=3)]:
        amocrm.crm.faults.arm(fault)
        try:
            client.account()
        except (ConditionError, AmoCRMError) as error:
            told += [str(error), repr(error), error.args, vars(error), error.__cause__, error.__context__]
        AmoCRMConnection.objects.update(state=ConnectionState.CONNECTED)
        RateSlot.objects.update(blocked_until=0)
        amocrm.crm.faults.clear()
    assert told
    assert connection.access_token not in repr(told)
    assert connection.access_token not in caplog.text
