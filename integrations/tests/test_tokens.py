from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from integrations.amocrm import http, moved, oauth
from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import ConditionError, Outage, RateLimited, ReconnectNeeded
from integrations.amocrm.oauth import TokenPair
from integrations.amocrm.tokens import ConnectionTokens
from integrations.connecting.tasks import refresh_idle_tokens
from integrations.models import AmoCRMConnection, ConnectionState
from integrations.tests import parallel
from leads.models import UserAccount
from sandbox import CLIENT_ID, CLIENT_SECRET, Server
from sandbox.oauth import OAuthRefusedError
from sandbox.oauth import TokenPair as TheirPair

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN_PATH = "/oauth2/access_token"


@pytest.fixture
def connection(connected: UserAccount, amocrm: Server, settings: Settings) -> AmoCRMConnection:
    """Connected by OAuth, an hour ago."""
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    pair = amocrm.crm.oauth.pair_for(amocrm.crm.demo.id, CLIENT_ID)
    now = timezone.now()
    connection = AmoCRMConnection.objects.get(user_account=connected)
    connection.access_token, connection.refresh_token = pair.access_token, pair.refresh_token
    connection.token_refreshed_at, connection.token_expires_at = now - timedelta(hours=1), now + timedelta(hours=23)
    connection.save()
    return connection


def run_out(connection: AmoCRMConnection, left: timedelta = timedelta(minutes=4)) -> None:
    AmoCRMConnection.objects.filter(pk=connection.pk).update(token_expires_at=timezone.now() + left)


def counts(server: Server) -> Counter[str]:
    return Counter(seen.path.partition("?")[0] for seen in server.crm.requests)


def fresh(connection: AmoCRMConnection) -> AmoCRMConnection:
    return AmoCRMConnection.objects.get(pk=connection.pk)


def test_a_token_with_hours_to_live_is_left_alone(connection: AmoCRMConnection, amocrm: Server) -> None:
    AmoCRMClient(connection).account()
    assert counts(amocrm)[TOKEN_PATH] == 0


def test_a_token_about_to_run_out_is_renewed_before_it_is_used(connection: AmoCRMConnection, amocrm: Server) -> None:
    run_out(connection)
    AmoCRMClient(connection).account()
    assert [seen.path.partition("?")[0] for seen in amocrm.crm.requests] == [TOKEN_PATH, "/api/v4/account"]
    renewed = fresh(connection)
    assert renewed.access_token != connection.access_token
    assert renewed.refresh_token != connection.refresh_token
    assert renewed.token_expires_at is not None
    assert renewed.token_expires_at > timezone.now() + timedelta(hours=23)
    assert renewed.refresh_lease_until is None


def test_a_short_lived_token_is_not_renewed_for_every_request(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.set_switches({"access_token_seconds": 120})
    run_out(connection)
    for _ in range(4):
        AmoCRMClient(connection).account()
    assert counts(amocrm)[TOKEN_PATH] == 1


def test_a_token_that_amocrm_refuses_is_renewed_once(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.oauth.access[connection.access_token].revoked = True
    assert AmoCRMClient(connection).account().subdomain == "demo"
    assert counts(amocrm)[TOKEN_PATH] == 1


def test_a_token_refused_again_after_renewal_needs_a_person(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.faults.answer(401, prefix="/api/v4/account")
    with pytest.raises(ReconnectNeeded):
        AmoCRMClient(connection).account()
    assert counts(amocrm) == {TOKEN_PATH: 1, "/api/v4/account": 2}
    assert fresh(connection).state == ConnectionState.RECONNECT_NEEDED


def test_threads_renew_once_and_all_go_on_with_the_new_pair(connection: AmoCRMConnection, amocrm: Server) -> None:
    run_out(connection)
    names: list[str] = []

    def ask() -> None:
        names.append(AmoCRMClient(connection).account().subdomain)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["demo"] * 6
    assert counts(amocrm) == {TOKEN_PATH: 1, "/api/v4/account": 6}


def test_processes_renew_once(connection: AmoCRMConnection, amocrm: Server) -> None:
    run_out(connection)
    amocrm.crm.faults.latency(0.5, prefix=TOKEN_PATH)
    running = parallel.start("read", 3, connection=connection.pk, requests=1)
    assert parallel.answers(running) == [1, 1, 1]
    assert counts(amocrm)[TOKEN_PATH] == 1


def test_a_lease_whose_holder_died_is_taken_over(connection: AmoCRMConnection, amocrm: Server) -> None:
    run_out(connection)
    AmoCRMConnection.objects.update(refresh_lease_until=timezone.now() + timedelta(seconds=1))
    assert AmoCRMClient(connection).account().subdomain == "demo"


def while_the_answer_is_on_its_way(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> list[str]:
    """`happens`, once amoCRM has given the next pair and before that is stored. Returns the refresh tokens used."""
    used: list[str] = []
    refresh = oauth.refresh

    def refresh_slowly(host: str, token: str) -> TokenPair:
        used.append(token)
        pair = refresh(host, token)
        if len(used) == 1:
            happens()
        return pair

    monkeypatch.setattr(oauth, "refresh", refresh_slowly)
    return used


def test_a_machine_whose_clock_is_ahead_waits_for_the_pair_like_others(
    connection: AmoCRMConnection, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_out(connection)
    now = timezone.now

    class Waits(Exception):
        pass

    def wait(_seconds: float) -> None:
        raise Waits

    def ask_on_a_machine_that_is_ahead() -> None:
        with monkeypatch.context() as there:
            there.setattr(timezone, "now", lambda: now() + timedelta(minutes=2))
            there.setattr("integrations.amocrm.tokens.time.sleep", wait)
            with pytest.raises(Waits):
                ConnectionTokens(connection).renewed()

    used = while_the_answer_is_on_its_way(monkeypatch, ask_on_a_machine_that_is_ahead)
    assert AmoCRMClient(connection).account().subdomain == "demo"
    assert used == [connection.refresh_token]
    assert fresh(connection).state == ConnectionState.CONNECTED


def test_a_good_pair_is_kept_where_another_has_given_the_old_one_up_for_dead(
    connection: AmoCRMConnection, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_out(connection)

    def lapse_and_be_followed() -> None:
        AmoCRMConnection.objects.update(refresh_lease_until=timezone.now() - timedelta(seconds=1))
        with pytest.raises(ReconnectNeeded):
            ConnectionTokens(connection).renewed()
        assert fresh(connection).state == ConnectionState.RECONNECT_NEEDED

    used = while_the_answer_is_on_its_way(monkeypatch, lapse_and_be_followed)
    assert AmoCRMClient(connection).account().subdomain == "demo"
    assert used == [connection.refresh_token] * 2
    kept = fresh(connection)
    assert (kept.state, kept.problem_code, kept.problem_detail) == (ConnectionState.CONNECTED, "", "")
    assert kept.refresh_token not in ("", connection.refresh_token)


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """To whom requests would have gone, were they not all routed to the sandbox."""
    asked: list[str] = []
    routed = http._routed

    def note(url: str) -> str:
        asked.append(urlsplit(url).netloc)
        return routed(url)

    monkeypatch.setattr(http, "_routed", note)
    return asked


def rename(amocrm: Server, subdomain: str, status: int = 401) -> None:
    """The account has moved: its old address refuses tokens that it does not know."""
    amocrm.crm.demo.profile.subdomain = subdomain
    amocrm.crm.faults.answer(status, times=1, prefix=TOKEN_PATH)


@pytest.mark.parametrize("status", [302, 401, 404])
def test_an_account_that_was_renamed_is_followed(
    connection: AmoCRMConnection, amocrm: Server, hosts: list[str], status: int
) -> None:
    rename(amocrm, "renamed", status)
    run_out(connection)
    assert AmoCRMClient(connection).account().subdomain == "renamed"
    assert hosts == ["demo.amocrm.ru", "api-b.amocrm.ru", "renamed.amocrm.ru", "renamed.amocrm.ru"]
    followed = fresh(connection)
    assert (followed.state, followed.host, followed.subdomain) == ("connected", "renamed.amocrm.ru", "renamed")


@pytest.mark.parametrize("status", [302, 404])
def test_an_account_that_was_renamed_is_followed_though_its_token_is_good(
    connection: AmoCRMConnection, amocrm: Server, hosts: list[str], status: int
) -> None:
    deal = amocrm.crm.demo.deals.create("a")
    amocrm.crm.demo.profile.subdomain = "renamed"
    amocrm.crm.faults.answer(status, times=2, prefix="/api/v4/")
    assert AmoCRMClient(connection).deals([deal.id])
    old, new = "demo.amocrm.ru", "renamed.amocrm.ru"
    assert hosts == [old, old, "api-b.amocrm.ru", new, new]
    followed = fresh(connection)
    assert (followed.host, followed.subdomain, followed.access_token) == (new, "renamed", connection.access_token)


def test_only_to_amocrms_own_addresses(connection: AmoCRMConnection, amocrm: Server, hosts: list[str]) -> None:
    rename(amocrm, "renamed")
    amocrm.crm.demo.profile.domain = "evil.example"
    run_out(connection)
    with pytest.raises(ReconnectNeeded):
        AmoCRMClient(connection).account()
    assert hosts == ["demo.amocrm.ru", "api-b.amocrm.ru"]
    assert fresh(connection).host == "demo.amocrm.ru"


@pytest.mark.parametrize("account_id", [7, None])
def test_only_to_the_same_account(connection: AmoCRMConnection, amocrm: Server, account_id: int | None) -> None:
    rename(amocrm, "renamed")
    AmoCRMConnection.objects.update(amocrm_account_id=account_id)
    run_out(connection)
    with pytest.raises(ReconnectNeeded):
        AmoCRMClient(connection).account()
    assert fresh(connection).host == "demo.amocrm.ru"


@pytest.mark.parametrize("claims", [{"api_domain": "api-b.evil.example"}, {"api_domain": 7}, {}, [], None])
def test_a_token_that_names_no_address_of_amocrms_is_not_believed(
    connection: AmoCRMConnection, amocrm: Server, hosts: list[str], claims: object
) -> None:
    rename(amocrm, "renamed")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    token = f"e30.{body}.c2ln" if claims is not None else "no token of theirs"
    AmoCRMConnection.objects.update(access_token=token)
    run_out(connection)
    with pytest.raises(ReconnectNeeded):
        AmoCRMClient(connection).account()
    assert hosts == ["demo.amocrm.ru"]


def test_a_used_refresh_token_marks_the_connection(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.oauth.refresh[connection.refresh_token].dead = True
    run_out(connection)
    with pytest.raises(ReconnectNeeded) as caught:
        AmoCRMClient(connection).account()
    assert "revoked" in caught.value.detail
    marked = fresh(connection)
    assert (marked.state, marked.problem_code) == ("reconnect_needed", "reconnect_needed")
    assert marked.next_attempt_at is None
    with pytest.raises(ReconnectNeeded):
        AmoCRMClient(connection).account()
    assert counts(amocrm) == {TOKEN_PATH: 1, moved.PATH: 1}


def test_a_slip_in_our_own_secret_kills_no_connection(
    connection: AmoCRMConnection, amocrm: Server, settings: Settings
) -> None:
    run_out(connection)
    settings.AMOCRM_CLIENT_SECRET = "of another integration"
    with pytest.raises(Outage, match="AMOCRM_CLIENT_SECRET"):
        AmoCRMClient(connection).account()
    kept = fresh(connection)
    assert (kept.state, kept.refresh_lease_until) == (ConnectionState.CONNECTED, None), "whoever comes next may try"
    settings.AMOCRM_CLIENT_SECRET = CLIENT_SECRET
    assert AmoCRMClient(fresh(connection)).account().subdomain == "demo"


def test_nor_does_one_in_our_redirect_uri(connection: AmoCRMConnection, amocrm: Server, settings: Settings) -> None:
    run_out(connection)
    amocrm.crm.oauth.clients[CLIENT_ID].redirect_uri = settings.AMOCRM_REDIRECT_URI
    settings.AMOCRM_REDIRECT_URI += "x"
    with pytest.raises(Outage, match="AMOCRM_REDIRECT_URI"):
        AmoCRMClient(connection).account()
    assert fresh(connection).state == ConnectionState.CONNECTED


@pytest.mark.parametrize("setting", ["client_id", "client_secret"])
def test_nor_where_amocrm_calls_it_an_invalid_request(
    connection: AmoCRMConnection, amocrm: Server, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    def refuse(request: dict[str, str]) -> TheirPair:
        raise OAuthRefusedError(400, f"Check the `{setting}` parameter")

    run_out(connection)
    monkeypatch.setattr(amocrm.crm.oauth, "exchange", refuse)
    with pytest.raises(Outage, match=setting):
        AmoCRMClient(connection).account()
    assert fresh(connection).state == ConnectionState.CONNECTED


def test_an_answer_lost_on_its_way_is_asked_for_once_more(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.set_switches({"kommo_refresh": True})
    run_out(connection)
    amocrm.crm.faults.lose_answer(prefix=TOKEN_PATH)
    assert AmoCRMClient(connection).account().subdomain == "demo"
    assert counts(amocrm)[TOKEN_PATH] == 2


def test_where_the_lost_answer_used_the_token_up_a_person_is_needed(
    connection: AmoCRMConnection, amocrm: Server
) -> None:
    run_out(connection)
    amocrm.crm.faults.lose_answer(prefix=TOKEN_PATH)
    with pytest.raises(ReconnectNeeded):
        AmoCRMClient(connection).account()
    assert counts(amocrm)[TOKEN_PATH] == 2
    assert fresh(connection).state == ConnectionState.RECONNECT_NEEDED


def test_a_lifetime_told_as_text_is_read(
    connection: AmoCRMConnection, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_out(connection)
    as_json = TheirPair.as_json
    monkeypatch.setattr(TheirPair, "as_json", lambda pair: as_json(pair) | {"expires_in": str(pair.expires_in)})
    AmoCRMClient(connection).account()
    renewed = fresh(connection)
    assert renewed.access_token != connection.access_token
    assert renewed.token_expires_at is not None
    assert renewed.token_expires_at > timezone.now() + timedelta(hours=23)


@pytest.mark.parametrize(("status", "kind"), [(500, Outage), (502, Outage), (429, RateLimited)])
def test_trouble_at_the_token_endpoint_is_no_dead_token(
    connection: AmoCRMConnection, amocrm: Server, status: int, kind: type[ConditionError]
) -> None:
    run_out(connection)
    amocrm.crm.faults.answer(status, prefix=TOKEN_PATH, retry_after=100 if status == 429 else 0)
    with pytest.raises(kind):
        AmoCRMClient(connection).account()
    assert fresh(connection).state == ConnectionState.CONNECTED
    assert fresh(connection).refresh_lease_until is None


def test_a_pair_got_while_somebody_disconnected_is_not_kept(connection: AmoCRMConnection, amocrm: Server) -> None:
    run_out(connection)
    amocrm.crm.faults.latency(1.0, prefix=TOKEN_PATH)
    caught: list[Exception] = []

    def ask() -> None:
        try:
            AmoCRMClient(connection).account()
        except ReconnectNeeded as error:
            caught.append(error)
        connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    while not amocrm.crm.requests and thread.is_alive():
        pass
    AmoCRMConnection.objects.update(
        state=ConnectionState.DISCONNECTED, access_token="", refresh_token="", token_refreshed_at=None
    )
    thread.join()
    assert caught
    assert (fresh(connection).access_token, fresh(connection).refresh_token) == ("", "")


def test_idle_tokens_are_renewed_weekly(connection: AmoCRMConnection, amocrm: Server) -> None:
    refresh_idle_tokens()
    assert not amocrm.crm.requests
    now = timezone.now()
    AmoCRMConnection.objects.update(token_refreshed_at=now - timedelta(days=8), token_expires_at=now)
    refresh_idle_tokens()
    refresh_idle_tokens()
    assert counts(amocrm) == {TOKEN_PATH: 1}


def test_a_long_block_in_which_the_token_runs_out_still_ends(
    connection: AmoCRMConnection, amocrm: Server, settings: Settings
) -> None:
    settings.AMOCRM_BLOCK_PROBE_SECONDS = 0.2
    amocrm.crm.limits.block(amocrm.crm.demo.id, CLIENT_ID)
    with pytest.raises(ConditionError):
        AmoCRMClient(connection).account()
    run_out(connection, timedelta(0))
    amocrm.crm.limits.lift()
    deadline = timezone.now() + timedelta(seconds=10)
    while timezone.now() < deadline:
        try:
            assert AmoCRMClient(connection).account().subdomain == "demo"
        except ConditionError:
            continue
        return
    raise AssertionError("still blocked")
