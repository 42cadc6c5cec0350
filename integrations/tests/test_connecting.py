from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db.models import Func, Value
from django.utils import timezone
from pytest_django import Settings

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import Blocked, Outage, RateLimited, ReconnectNeeded, Unpaid
from integrations.amocrm.oauth import TokenPair
from integrations.connecting.connect import AlreadyConnected, disconnect
from integrations.connecting.connect import connect as connect_anew
from integrations.connecting.health import look_after_hook
from integrations.connecting.hooks import EVENTS, hook_register
from integrations.connecting.pipelines import PipelinesCount, pipelines_sync
from integrations.connecting.problems import clear_problem, note_problem
from integrations.connecting.set_up import set_up
from integrations.connecting.tasks import set_up_connection, sync_pipelines, tend_connections
from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, ConnectionState, Hook
from integrations.tests.world import connect, deliver
from leads.models import PipelineStage, UserAccount
from leads.services.accounts import account_create
from leads.tests.cast import Cast, client, make_cast
from sandbox import CLIENT_ID, CLIENT_SECRET, CrmAccount, Server
from sandbox.rest.call import ok

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None, settings: Settings) -> Cast:
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    settings.APP_URL = "https://roi.example.com"
    return make_cast()


@pytest.fixture
def alpha(cast: Cast, amocrm: Server) -> UserAccount:
    connect(cast.alpha, amocrm)
    return cast.alpha


def connection_of(account: UserAccount) -> AmoCRMConnection:
    return AmoCRMConnection.objects.get(user_account=account)


def seconds_to_next_attempt(account: UserAccount) -> float:
    at = connection_of(account).next_attempt_at
    assert at is not None
    return (at - timezone.now()).total_seconds()


# --- Status ---


def test_the_status_before_any_connection_is_disconnected(cast: Cast) -> None:
    assert client(cast.vera).get("/api/amocrm/status/").json() == {
        "connected": False,
        "state": "disconnected",
        "subdomain": None,
        "webhook_active": False,
        "token_expires_at": None,
        "last_sync": None,
        "backlog": 0,
        "problem": None,
    }


def test_the_status_tells_the_backlog_and_the_problem(alpha: UserAccount, cast: Cast) -> None:
    deliver(alpha, "a=1")
    note_problem(connection_of(alpha), Outage("amoCRM does not answer in time."))
    status = client(cast.vera).get("/amocrm/status").json()
    assert (status["connected"], status["backlog"], status["subdomain"]) == (True, 1, "demo")
    assert status["problem"].keys() == {"code", "detail", "since", "next_attempt"}
    assert status["problem"]["code"] == "outage"
    assert status["problem"]["since"] <= status["problem"]["next_attempt"]


# --- Problems ---


def test_an_outage_backs_off_from_one_second_to_forty(alpha: UserAccount) -> None:
    connection = connection_of(alpha)
    waits = []
    for _ in range(9):
        note_problem(connection, Outage("down"))
        waits.append(seconds_to_next_attempt(alpha))
    assert waits[0] == pytest.approx(1, abs=0.3)
    assert 14.9 <= waits[-1] <= 30
    assert connection_of(alpha).failures == 9


@pytest.mark.parametrize(("error", "seconds"), [(Outage("down"), 1), (RateLimited("slow", retry_after=30), 30)])
def test_a_machine_whose_clock_is_ahead_makes_nobody_wait_longer(
    alpha: UserAccount, monkeypatch: pytest.MonkeyPatch, error: Any, seconds: float
) -> None:
    now = timezone.now
    with monkeypatch.context() as there:
        there.setattr(timezone, "now", lambda: now() + timedelta(minutes=2))
        note_problem(connection_of(alpha), error)
    assert seconds_to_next_attempt(alpha) == pytest.approx(seconds, abs=1)


def test_a_problem_began_when_it_was_first_seen(alpha: UserAccount) -> None:
    connection = connection_of(alpha)
    note_problem(connection, Outage("down"))
    began = connection_of(alpha).problem_since
    assert began is not None
    note_problem(connection, Outage("still down"))
    assert connection_of(alpha).problem_since == began
    note_problem(connection, Unpaid("not paid"))
    assert AmoCRMConnection.objects.filter(problem_since__gt=began).exists()


def test_what_was_asked_of_a_former_connection_says_nothing_of_the_present_one(alpha: UserAccount) -> None:
    former = connection_of(alpha)
    AmoCRMConnection.objects.update(connected_at=timezone.now())
    note_problem(former, RateLimited("slow", retry_after=300))
    assert connection_of(alpha).problem_code == ""
    note_problem(connection_of(alpha), Outage("down"))
    clear_problem(former)
    assert connection_of(alpha).problem_code == "outage"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(RateLimited("slow", retry_after=300), 300), (Blocked("blocked"), 60), (Unpaid("not paid"), 40)],
)
def test_each_problem_has_its_own_next_attempt(alpha: UserAccount, error: Any, seconds: float) -> None:
    note_problem(connection_of(alpha), error)
    assert seconds_to_next_attempt(alpha) == pytest.approx(seconds, abs=3)


def test_a_dead_token_stops_the_attempts(alpha: UserAccount) -> None:
    note_problem(connection_of(alpha), ReconnectNeeded("dead"))
    connection = connection_of(alpha)
    assert (connection.state, connection.problem_code) == ("reconnect_needed", "reconnect_needed")
    assert connection.next_attempt_at is None
    clear_problem(connection)
    assert connection_of(alpha).problem_code == "reconnect_needed"


def test_news_of_an_old_pairs_death_does_not_touch_a_new_one(alpha: UserAccount) -> None:
    AmoCRMConnection.objects.update(token_refreshed_at=timezone.now())
    error = ReconnectNeeded("dead")
    error.token_version = timezone.now() - timedelta(days=1)
    note_problem(connection_of(alpha), error)
    assert connection_of(alpha).state == ConnectionState.CONNECTED


def test_a_problem_passes(alpha: UserAccount) -> None:
    note_problem(connection_of(alpha), Outage("down"))
    clear_problem(connection_of(alpha))
    connection = connection_of(alpha)
    assert (connection.problem_code, connection.failures, connection.next_attempt_at) == ("", 0, None)


# --- After connecting ---


def test_set_up_registers_the_hook_and_reads_the_pipelines(alpha: UserAccount, amocrm: Server) -> None:
    AmoCRMConnection.objects.update(set_up_at=None)
    set_up_connection(str(alpha.pk))
    connection = connection_of(alpha)
    assert connection.set_up_at is not None
    assert connection.webhook_active
    hook = amocrm.crm.demo.hook_at(hook_url(alpha, Hook.AMOCRM))
    assert hook is not None
    assert set(hook.settings) == set(EVENTS)
    assert PipelineStage.objects.filter(user_account=alpha).count() == 7


def test_who_connects_is_set_up_at_once_and_the_first_sync_begins_once(
    alpha: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, ...]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: rung.append((name, *args)))
    change_to(alpha, amocrm, amocrm.crm.demo)
    assert ("integrations.set_up_connection", str(alpha.pk)) in rung
    for _again in range(2):
        set_up(connection_of(alpha))
    assert rung.count(("integrations.sync_leads", str(alpha.pk))) == 1
    rung.clear()
    AmoCRMConnection.objects.update(set_up_at=None, connected_at=timezone.now() - timedelta(minutes=1))
    tend_connections()
    assert ("integrations.set_up_connection", str(alpha.pk)) in rung, "what a killed worker left is taken up again"


def test_a_plan_without_hooks_leaves_the_connection_and_says_so(alpha: UserAccount, amocrm: Server) -> None:
    AmoCRMConnection.objects.update(set_up_at=None)
    amocrm.crm.demo.profile.has_webhooks = False
    set_up_connection(str(alpha.pk))
    connection = connection_of(alpha)
    assert connection.state == ConnectionState.CONNECTED
    assert connection.set_up_at is not None
    assert not connection.webhook_active
    assert connection.webhook_detail
    assert connection.problem_code == ""
    assert PipelineStage.objects.filter(user_account=alpha).exists()


def test_a_set_up_that_meets_an_outage_is_taken_up_again(alpha: UserAccount, amocrm: Server) -> None:
    AmoCRMConnection.objects.update(set_up_at=None, connected_at=timezone.now() - timedelta(minutes=1))
    amocrm.crm.faults.answer(500)
    set_up(connection_of(alpha))
    assert connection_of(alpha).set_up_at is None
    assert connection_of(alpha).problem_code == "outage"
    amocrm.crm.faults.clear()
    AmoCRMConnection.objects.update(next_attempt_at=None)
    tend_connections()  # rings for the task, which a worker then runs
    set_up_connection(str(alpha.pk))
    assert connection_of(alpha).set_up_at is not None
    assert connection_of(alpha).problem_code == ""


# --- The hook ---


def test_the_hook_is_read_live(alpha: UserAccount, cast: Cast, amocrm: Server) -> None:
    vera, sam = client(cast.vera), client(cast.sam)
    destination = hook_url(alpha, Hook.AMOCRM)
    assert sam.get("/amocrm/webhook-status").json() == {
        "registered": False,
        "disabled": False,
        "destination": destination,
        "settings": [],
        "missing_events": list(EVENTS),
    }
    registered = sam.post("/amocrm/register-webhook")
    assert registered.status_code == 200
    assert (registered.json()["registered"], registered.json()["missing_events"]) == (True, [])
    assert vera.get("/amocrm/webhook-status").json()["registered"] is True
    assert vera.get("/amocrm/status").json()["webhook_active"] is True

    hook = amocrm.crm.demo.hook_at(destination)
    assert hook is not None
    hook.disabled = True
    status = vera.get("/amocrm/webhook-status").json()
    assert (status["registered"], status["disabled"]) == (True, True)
    assert vera.get("/amocrm/status").json()["webhook_active"] is False
    assert sam.post("/amocrm/register-webhook").json()["disabled"] is False


def test_a_viewer_does_not_see_the_signature_of_the_hook(alpha: UserAccount, cast: Cast, amocrm: Server) -> None:
    hook_register(connection_of(alpha))
    seen = client(cast.vera).get("/amocrm/webhook-status").json()["destination"]
    assert seen == hook_url(alpha, Hook.AMOCRM).partition("sig=")[0] + "sig=…"
    for user in (cast.sam, cast.alice):
        assert client(user).get("/amocrm/webhook-status").json()["destination"] == hook_url(alpha, Hook.AMOCRM)


def test_a_hook_with_too_few_events_says_which_are_missing(alpha: UserAccount, cast: Cast, amocrm: Server) -> None:
    amocrm.crm.demo.subscribe(hook_url(alpha, Hook.AMOCRM), ["add_lead", "note_lead"])
    status = client(cast.vera).get("/amocrm/webhook-status").json()
    assert status["missing_events"] == [event for event in EVENTS if event != "add_lead"]
    assert client(cast.sam).post("/amocrm/register-webhook").json()["missing_events"] == []


def test_after_a_new_key_the_old_address_is_no_longer_called(alpha: UserAccount, amocrm: Server) -> None:
    hook_register(connection_of(alpha))
    old = hook_url(alpha, Hook.AMOCRM)
    UserAccount.objects.filter(pk=alpha.pk).update(hook_key_version=2)
    hook_register(connection_of(alpha))
    alpha.refresh_from_db()
    assert amocrm.crm.demo.hook_at(old) is None
    assert amocrm.crm.demo.hook_at(hook_url(alpha, Hook.AMOCRM)) is not None


@pytest.mark.parametrize("path", ["webhook-status", "register-webhook", "sync-pipelines"])
def test_what_asks_amocrm_says_what_is_wrong(cast: Cast, amocrm: Server, path: str) -> None:
    sam = client(cast.sam)
    ask = sam.get if path == "webhook-status" else sam.post
    assert ask(f"/amocrm/{path}").status_code == 409
    connect(cast.alpha, amocrm)
    amocrm.crm.faults.answer(500)
    assert ask(f"/amocrm/{path}").status_code == 503
    amocrm.crm.faults.clear()
    amocrm.crm.faults.answer(422)
    answer = ask(f"/amocrm/{path}")
    assert answer.status_code == 502
    assert answer.json()["detail"]


# --- Disconnecting ---


def test_disconnecting_removes_the_hook_and_the_tokens(alpha: UserAccount, cast: Cast, amocrm: Server) -> None:
    hook_register(connection_of(alpha))
    assert client(cast.sam).post("/amocrm/disconnect").status_code == 403
    assert client(cast.alice).post("/amocrm/disconnect").json() == {"success": True}
    connection = connection_of(alpha)
    assert (connection.state, connection.access_token, connection.refresh_token) == ("disconnected", "", "")
    assert amocrm.crm.demo.hook_at(hook_url(alpha, Hook.AMOCRM)) is None
    assert client(cast.alice).post("/amocrm/disconnect").json() == {"success": True}


def test_disconnecting_works_during_an_outage(alpha: UserAccount, cast: Cast, amocrm: Server) -> None:
    hook_register(connection_of(alpha))
    amocrm.crm.faults.outage()
    assert client(cast.alice).post("/amocrm/disconnect").json() == {"success": True}
    assert connection_of(alpha).access_token == ""


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Once, while this request of the client is under way, somebody does something."""
    original = getattr(AmoCRMClient, name)

    def ask(*args: Any) -> Any:
        monkeypatch.undo()
        answer = original(*args)
        act()
        return answer

    monkeypatch.setattr(AmoCRMClient, name, ask)


def change_to(account: UserAccount, server: Server, crm_account: CrmAccount) -> None:
    connect_anew(account, crm_account.profile.host, TokenPair(server.crm.long_lived_token(crm_account)))


def test_who_connects_anew_while_a_disconnection_waits_for_amocrm_stays_connected(
    alpha: UserAccount, cast: Cast, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook_register(connection_of(alpha))
    meanwhile(monkeypatch, "delete_webhook", lambda: change_to(alpha, amocrm, amocrm.crm.add_account("other")))
    client(cast.alice).post("/amocrm/disconnect")
    connection = connection_of(alpha)
    assert (connection.state, connection.subdomain) == ("connected", "other")
    assert connection.access_token


def test_a_look_at_the_hook_that_a_disconnection_overtakes_says_nothing(
    alpha: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook_register(connection_of(alpha))
    meanwhile(monkeypatch, "webhooks", lambda: disconnect(connection_of(alpha)))
    look_after_hook(connection_of(alpha))
    connection = connection_of(alpha)
    assert (connection.state, connection.webhook_active, connection.webhook_destination) == ("disconnected", False, "")


def test_pipelines_of_the_former_amocrm_account_that_come_late_are_not_taken_for_this_ones(
    alpha: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = amocrm.crm.add_account("other")
    other.pipelines.add("Продажи", ["Новая", "В работе"])

    def change() -> None:
        change_to(alpha, amocrm, other)
        set_up(connection_of(alpha))

    meanwhile(monkeypatch, "pipelines", change)
    pipelines_sync(connection_of(alpha))
    shown = PipelineStage.objects.filter(user_account=alpha, is_archived=False)
    assert set(shown.values_list("pipeline_id", flat=True)) == {one.id for one in other.pipelines.by_id.values()}


def test_no_hook_is_left_in_the_former_amocrm_account(alpha: UserAccount, amocrm: Server) -> None:
    address = hook_url(alpha, Hook.AMOCRM)
    other = amocrm.crm.add_account("other")
    hook_register(connection_of(alpha))
    change_to(alpha, amocrm, other)
    assert amocrm.crm.demo.hook_at(address) is None
    set_up(connection_of(alpha))
    assert other.hook_at(address) is not None
    change_to(alpha, amocrm, other)
    assert other.hook_at(address) is not None, "the same amoCRM account: its hook stays"


def test_an_amocrm_account_that_is_anothers_costs_the_former_no_hook(
    alpha: UserAccount, cast: Cast, amocrm: Server
) -> None:
    other = amocrm.crm.add_account("other")
    connect(cast.beta, amocrm, other)
    hook_register(connection_of(alpha))
    with pytest.raises(AlreadyConnected):
        change_to(alpha, amocrm, other)
    assert amocrm.crm.demo.hook_at(hook_url(alpha, Hook.AMOCRM)) is not None
    assert connection_of(alpha).state == "connected"


def test_a_former_amocrm_account_that_does_not_answer_holds_nothing_up(alpha: UserAccount, amocrm: Server) -> None:
    hook_register(connection_of(alpha))
    amocrm.crm.faults.answer(401, prefix="/api/v4/webhooks")
    change_to(alpha, amocrm, amocrm.crm.add_account("other"))
    assert connection_of(alpha).subdomain == "other"


def test_an_amocrm_account_may_move_once_it_was_disconnected(alpha: UserAccount, cast: Cast, amocrm: Server) -> None:
    client(cast.alice).post("/amocrm/disconnect")
    connect(cast.beta, amocrm)
    assert connection_of(cast.beta).state == ConnectionState.CONNECTED


def signed(account_id: object, secret: str = CLIENT_SECRET, client_id: str = CLIENT_ID) -> str:
    return hmac.new(secret.encode(), f"{client_id}|{account_id}".encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("name", ["client_uuid", "client_id"])
def test_amocrms_notice_disconnects(alpha: UserAccount, cast: Cast, amocrm: Server, name: str) -> None:
    connect(cast.beta, amocrm, amocrm.crm.add_account("other"))
    account_id = str(amocrm.crm.demo.id)
    query = {name: CLIENT_ID, "account_id": account_id, "signature": signed(account_id)}
    answer = client().get("/api/amocrm/disabled/", query)
    assert answer.status_code == 200
    assert answer.json()["state"] == "disconnected"
    connection, others = connection_of(alpha), connection_of(cast.beta)
    assert (connection.state, connection.access_token) == ("disconnected", "")
    assert (others.state, others.access_token != "") == ("connected", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "ы" * 64},
        {"signature": None},
        {"client_uuid": "another"},
        {"account_id": "1"},
        {"account_id": "abc"},
        {"account_id": "-1"},
        {"account_id": None},
    ],
)
def test_a_notice_that_amocrm_did_not_sign_changes_nothing(
    alpha: UserAccount, amocrm: Server, changes: dict[str, Any]
) -> None:
    account_id = str(amocrm.crm.demo.id)
    query = {"client_uuid": CLIENT_ID, "account_id": account_id, "signature": signed(account_id), **changes}
    answer = client().get("/amocrm/disabled", {key: value for key, value in query.items() if value is not None})
    assert answer.status_code == 403
    assert connection_of(alpha).state == ConnectionState.CONNECTED


def test_without_a_secret_of_ours_no_notice_is_genuine(alpha: UserAccount, amocrm: Server, settings: Settings) -> None:
    settings.AMOCRM_CLIENT_ID = settings.AMOCRM_CLIENT_SECRET = ""
    account_id = str(amocrm.crm.demo.id)
    query = {"client_uuid": "", "account_id": account_id, "signature": signed(account_id, secret="", client_id="")}
    assert client().get("/amocrm/disabled", query).status_code == 403


# --- Pipelines ---


def test_pipelines_are_read_with_their_stages(alpha: UserAccount, cast: Cast) -> None:
    assert client(cast.sam).post("/amocrm/sync-pipelines").json() == {"success": True, "pipelines": 1, "stages": 7}
    won = PipelineStage.objects.get(user_account=alpha, status_id=142)
    assert (won.status_name, won.status_color, won.pipeline_name) == ("Успешно реализовано", "#CCFF66", "Продажи")


def test_won_and_lost_stand_in_every_pipeline(alpha: UserAccount, amocrm: Server) -> None:
    amocrm.crm.demo.pipelines.add("Вторая", ["Новая"])
    assert pipelines_sync(connection_of(alpha)) == PipelinesCount(2, 11)
    assert PipelineStage.objects.filter(user_account=alpha, status_id=142).count() == 2


def test_what_people_set_stays_and_what_amocrm_changed_changes(alpha: UserAccount, amocrm: Server) -> None:
    pipelines_sync(connection_of(alpha))
    stage = PipelineStage.objects.filter(user_account=alpha, status_name="Переговоры").get()
    PipelineStage.objects.filter(pk=stage.pk).update(is_qualified_stage=True)
    theirs = next(one for one in amocrm.crm.demo.pipelines.main.stages if one.id == stage.status_id)
    theirs.name = "Встреча"
    pipelines_sync(connection_of(alpha))
    stage.refresh_from_db()
    assert (stage.status_name, stage.is_qualified_stage) == ("Встреча", True)


def test_a_stage_that_is_gone_is_archived_and_comes_back(alpha: UserAccount, amocrm: Server) -> None:
    pipelines_sync(connection_of(alpha))
    stages = amocrm.crm.demo.pipelines.main.stages
    removed = stages.pop(1)
    pipelines_sync(connection_of(alpha))
    row = PipelineStage.objects.get(user_account=alpha, status_id=removed.id)
    assert row.is_archived
    stages.insert(1, removed)
    pipelines_sync(connection_of(alpha))
    row.refresh_from_db()
    assert not row.is_archived


def test_an_archived_pipeline_is_archived_and_one_that_amocrm_leaves_out_of_its_list_is_not(
    alpha: UserAccount, cast: Cast, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines = amocrm.crm.demo.pipelines
    second, third = pipelines.add("Вторая", ["Новая"]), pipelines.add("Третья", ["Новая"])
    third.is_archive = True
    pipelines_sync(connection_of(alpha))
    # It has been seen to announce more than it lists.
    monkeypatch.setattr("sandbox.rest.pipelines.ok", lambda body: ok(body | {"_total_items": 3}))
    del pipelines.by_id[second.id]
    removed = pipelines.main.stages.pop(1)
    pipelines_sync(connection_of(alpha))
    shown = client(cast.vera).get("/amocrm/pipelines").json()["pipelines"]
    archived = {
        (one["pipeline_id"], stage["status_id"]) for one in shown for stage in one["stages"] if stage["is_archived"]
    }
    assert archived == {(pipelines.main.id, removed.id), *((third.id, stage.id) for stage in third.stages)}


def test_what_people_change_of_the_account_itself_is_learnt_with_them(alpha: UserAccount, amocrm: Server) -> None:
    amocrm.crm.demo.profile.currency = "USD"
    amocrm.crm.demo.profile.is_api_filter_enabled = True
    pipelines_sync(connection_of(alpha))
    alpha.refresh_from_db()
    connection = connection_of(alpha)
    assert (connection.currency, alpha.crm_currency, connection.is_api_filter_enabled) == ("USD", "USD", True)


def test_pipelines_are_looked_after_for_all_accounts_though_one_is_in_trouble(
    alpha: UserAccount, cast: Cast, amocrm: Server
) -> None:
    other = amocrm.crm.add_account("second")
    connect(cast.beta, amocrm, other)
    other.pipelines.add("Продажи", ["Новая"])
    AmoCRMConnection.objects.filter(user_account=alpha).update(access_token="void")
    sync_pipelines()
    assert PipelineStage.objects.filter(user_account=cast.beta).exists()
    assert connection_of(alpha).state == ConnectionState.RECONNECT_NEEDED


def test_accounts_are_looked_after_though_the_tokens_of_one_were_saved_with_a_lost_key(
    alpha: UserAccount, cast: Cast, amocrm: Server
) -> None:
    other = amocrm.crm.add_account("second")
    connect(cast.beta, amocrm, other)
    other.pipelines.add("Продажи", ["Новая"])
    AmoCRMConnection.objects.filter(user_account=alpha).update(access_token=Func(Value("gAAAAA"), function="LOWER"))
    sync_pipelines()
    assert PipelineStage.objects.filter(user_account=cast.beta).exists()


# --- Long-lived tokens ---


def run_connect_token(account: UserAccount, **options: str) -> dict[str, Any]:
    told = io.StringIO()
    call_command("connect_token", str(account.pk), stdout=told, **options)
    answer: dict[str, Any] = json.loads(told.getvalue())
    return answer


@pytest.mark.parametrize("subdomain", ["demo", "demo.amocrm.ru", "https://demo.amocrm.ru"])
def test_a_long_lived_token_connects(cast: Cast, amocrm: Server, subdomain: str) -> None:
    answer = run_connect_token(cast.alpha, subdomain=subdomain, token=amocrm.crm.long_lived_token())
    assert (answer["connected"], answer["subdomain"]) == (True, "demo")
    connection = connection_of(cast.alpha)
    assert connection.is_long_lived
    assert AmoCRMConnection.objects.filter(token_expires_at__gt=timezone.now() + timedelta(days=365)).exists()


@pytest.mark.parametrize(
    ("subdomain", "token"), [("demo", "void"), ("demo", ""), ("demo", "a b"), ("evil.com", "void"), ("", "void")]
)
def test_a_senseless_token_or_subdomain_is_one_clear_line(
    cast: Cast, amocrm: Server, subdomain: str, token: str
) -> None:
    with pytest.raises(CommandError) as caught:
        run_connect_token(cast.alpha, subdomain=subdomain, token=token)
    assert "\n" not in str(caught.value)
    assert not AmoCRMConnection.objects.exists()


@pytest.mark.parametrize(("chosen", "currency"), [("", "RUB"), ("usd", "USD")])
def test_an_account_whose_currency_nobody_chose_takes_over_amocrms(
    cast: Cast, amocrm: Server, chosen: str, currency: str
) -> None:
    account = account_create(name="New", email="new@example.com", password="long evening", currency=chosen).account
    amocrm.crm.demo.profile = replace(amocrm.crm.demo.profile, currency="RUB")
    for _again in range(2):
        run_connect_token(account, subdomain="demo", token=amocrm.crm.long_lived_token())
    account.refresh_from_db()
    assert (account.currency, account.price_currency) == (currency, "RUB")


def test_connecting_does_not_wait_for_what_follows(cast: Cast, amocrm: Server) -> None:
    run_connect_token(cast.alpha, subdomain="demo", token=amocrm.crm.long_lived_token())
    assert {seen.path.partition("?")[0] for seen in amocrm.crm.requests} == {"/api/v4/account"}
    assert connection_of(cast.alpha).set_up_at is None
