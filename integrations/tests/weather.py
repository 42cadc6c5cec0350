"""Bad weather for tests: what amoCRM can do to us, how it shows, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from integrations import http
from integrations.amocrm.oauth import TokenPair
from integrations.connecting.connect import connect
from integrations.models import AmoCRMConnection, ConnectionState, RateSlot
from integrations.tests.world import make_due
from leads.models import Membership, Role, User, UserAccount
from sandbox import CLIENT_ID, CrmAccount, Fault, Sandbox, Server

TOKEN_PATH = "/oauth2/access_token"
LONG_PAUSE = 30
CALM, DRIPPING = http.ANSWER_SECONDS, 0.3


@dataclass(frozen=True, slots=True)
class World:
    """An account connected by OAuth, the amoCRM that it is connected to, and a person who looks at the status."""

    account: UserAccount
    server: Server
    api: APIClient

    @property
    def crm(self) -> Sandbox:
        return self.server.crm

    @property
    def demo(self) -> CrmAccount:
        return self.server.crm.demo

    @property
    def connection(self) -> AmoCRMConnection:
        return AmoCRMConnection.objects.get(user_account=self.account)

    def status(self) -> dict[str, Any]:
        """What `GET /amocrm/status` answers."""
        answer: dict[str, Any] = self.api.get("/amocrm/status").json()
        return answer

    def pass_time(self) -> None:
        """What waits for a moment has waited for it: the backlog, the bucket's pause, the minute of a block."""
        make_due(self.account)
        RateSlot.objects.update(paused_until=0.0)
        RateSlot.objects.filter(blocked_until__gt=0).update(blocked_until=1.0)

    def asked_for_account(self) -> int:
        return sum(seen.path.startswith("/api/v4/account") for seen in self.crm.requests)


def world_of(account: UserAccount, server: Server) -> World:
    """`account` is connected; its long-lived token gives way to a pair as OAuth gives it."""
    pair = server.crm.oauth.pair_for(server.crm.demo.id, CLIENT_ID)
    now = timezone.now()
    AmoCRMConnection.objects.filter(user_account=account).update(
        refresh_token="", token_refreshed_at=now - timedelta(hours=1), token_expires_at=now + timedelta(hours=23)
    )
    connection = AmoCRMConnection.objects.get(user_account=account)
    connection.access_token, connection.refresh_token = pair.access_token, pair.refresh_token
    connection.save()
    user = User.objects.create_user("weather@example.com", "pw")
    Membership.objects.create(user=user, user_account=account, role=Role.VIEWER)
    api = APIClient()
    api.force_authenticate(user)
    return World(account, server, api)


@dataclass(frozen=True, slots=True)
class Weather:
    """`problem`: the code that a person sees; empty: it is got over at once, and nobody sees anything."""

    name: str
    problem: str
    strike: Callable[[World], object]

    def lift(self, world: World) -> None:
        """amoCRM is well again; and where only a person can help, that person connects anew."""
        world.crm.faults.clear()
        http.ANSWER_SECONDS = CALM
        world.crm.limits.lift()
        world.demo.profile.is_paid = True
        world.server.accept_connections()
        if self.problem == "reconnect_needed":
            assert world.connection.state == ConnectionState.RECONNECT_NEEDED
            pair = world.crm.oauth.pair_for(world.demo.id, CLIENT_ID)
            expires_at = timezone.now() + timedelta(seconds=pair.expires_in)
            connect(
                world.account, world.demo.profile.host, TokenPair(pair.access_token, pair.refresh_token, expires_at)
            )
        world.pass_time()


def _answers(status: int, *, html: bool = False, retry_after: int = 0) -> Callable[[World], object]:
    return lambda world: world.crm.faults.answer(status, html=html, retry_after=retry_after)


def _breaks(fault: Fault) -> Callable[[World], object]:
    return lambda world: world.crm.faults.arm(fault)


def _drips(world: World) -> None:
    """Patience is short in this weather only: in any other a busy machine may answer late."""
    world.crm.faults.arm(Fault("drip", seconds=20))
    http.ANSWER_SECONDS = DRIPPING


def _token_has_run_out(world: World) -> None:
    """At amoCRM; we believe that it is good for hours."""
    world.crm.oauth.access[world.connection.access_token].revoked = True


def _refresh_answer_is_lost(world: World) -> None:
    _token_has_run_out(world)
    world.crm.faults.lose_answer(prefix=TOKEN_PATH)


def _refresh_answer_is_lost_at_kommo(world: World) -> None:
    world.crm.set_switches({"kommo_refresh": True})
    _refresh_answer_is_lost(world)


def _token_endpoint(status: int, retry_after: int = 0) -> Callable[[World], object]:
    def strike(world: World) -> None:
        _token_has_run_out(world)
        world.crm.faults.answer(status, prefix=TOKEN_PATH, retry_after=retry_after)

    return strike


def _is_unpaid(world: World) -> None:
    world.demo.profile.is_paid = False


KINDS = [
    Weather("429 in JSON", "rate_limited", _answers(429)),
    Weather("429 in HTML", "rate_limited", _answers(429, html=True)),
    Weather("429 in JSON with Retry-After", "rate_limited", _answers(429, retry_after=LONG_PAUSE)),
    Weather("429 in HTML with Retry-After", "rate_limited", _answers(429, html=True, retry_after=LONG_PAUSE)),
    Weather("403 block", "blocked", lambda world: world.crm.limits.block(world.demo.id, CLIENT_ID)),
    Weather("403 to the token endpoint too", "blocked", _answers(403, html=True)),
    Weather("500", "outage", _answers(500)),
    Weather("502 in HTML", "outage", _answers(502, html=True)),
    Weather("504 in HTML", "outage", _answers(504, html=True)),
    Weather("no account at this address", "outage", _answers(404)),
    Weather("sent elsewhere", "outage", _answers(302, html=True)),
    Weather("connections reset", "outage", _breaks(Fault("reset"))),
    Weather("port refused", "outage", lambda world: world.server.refuse_connections()),
    Weather("JSON cut short", "outage", _breaks(Fault("truncate"))),
    Weather("slow drip", "outage", _drips),
    Weather("access token run out", "", _token_has_run_out),
    Weather("refresh answer lost at Kommo", "", _refresh_answer_is_lost_at_kommo),
    Weather("refresh answer lost", "reconnect_needed", _refresh_answer_is_lost),
    Weather("dead token", "reconnect_needed", lambda world: world.crm.oauth.revoke(world.demo.id, CLIENT_ID)),
    Weather("401 also with the new token", "reconnect_needed", lambda w: w.crm.faults.answer(401, prefix="/api/")),
    Weather("token endpoint out", "outage", _token_endpoint(502)),
    Weather("token endpoint limits", "rate_limited", _token_endpoint(429, LONG_PAUSE)),
    Weather("unpaid", "unpaid", _is_unpaid),
]


def assert_shown(world: World, problem: str, backlog: int) -> None:
    """The status says what is wrong, since when, and when it is tried again: within a minute, or by a person."""
    told = world.status()
    needs_person = problem == "reconnect_needed"
    assert told["state"] == ("reconnect_needed" if needs_person else "connected")
    assert told["backlog"] == backlog
    assert told["problem"]["code"] == problem, told
    assert told["problem"]["detail"]
    assert told["problem"]["since"]
    assert (told["problem"]["next_attempt"] is None) == needs_person
    due = world.connection.next_attempt_at
    if due is not None:
        assert (due - timezone.now()).total_seconds() <= settings.AMOCRM_BLOCK_PROBE_SECONDS


def assert_over(world: World) -> None:
    told = world.status()
    assert (told["state"], told["problem"], told["backlog"]) == ("connected", None, 0)
    connection = world.connection
    assert (connection.failures, connection.next_attempt_at, connection.lease_until) == (0, None, None)
