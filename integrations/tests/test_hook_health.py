"""The hook is looked after once an hour: mended where amoCRM lets us, explained where it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.connecting import tasks
from integrations.connecting.health import connections_of_the_minute, look_after_hook
from integrations.connecting.hooks import EVENTS, hook_register
from integrations.connecting.tasks import look_after_hooks
from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, ConnectionState, Hook, Problem
from leads.models import UserAccount
from sandbox import Server


@pytest.fixture
def connection(connected: UserAccount, amocrm: Server, settings: Settings) -> AmoCRMConnection:
    settings.APP_URL = "https://roi.example.com"
    made = AmoCRMConnection.objects.select_related("user_account").get(user_account=connected)
    hook_register(made)
    return made


def hook_at_amocrm(connection: AmoCRMConnection, server: Server) -> Any:
    return server.crm.demo.hook_at(hook_url(connection.user_account, Hook.AMOCRM))


def test_a_hook_that_is_well_costs_one_request(connection: AmoCRMConnection, amocrm: Server) -> None:
    made = len(amocrm.crm.requests)
    look_after_hook(connection)
    connection.refresh_from_db()
    assert (connection.webhook_active, connection.webhook_detail) == (True, "")
    assert len(amocrm.crm.requests) == made + 1


def test_a_missing_hook_is_registered_again(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.demo.unsubscribe(hook_url(connection.user_account, Hook.AMOCRM))
    look_after_hook(connection)
    connection.refresh_from_db()
    assert hook_at_amocrm(connection, amocrm) is not None
    assert connection.webhook_active


def test_a_hook_that_was_switched_off_is_made_anew(connection: AmoCRMConnection, amocrm: Server) -> None:
    hook_at_amocrm(connection, amocrm).disabled = True
    look_after_hook(connection)
    connection.refresh_from_db()
    assert not hook_at_amocrm(connection, amocrm).disabled
    assert connection.webhook_active


def test_events_that_were_taken_away_come_back(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.demo.subscribe(hook_url(connection.user_account, Hook.AMOCRM), ["add_lead"])
    look_after_hook(connection)
    assert set(hook_at_amocrm(connection, amocrm).settings) == set(EVENTS)


def test_where_the_plan_lacks_hooks_it_says_what_to_press(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.demo.unsubscribe(hook_url(connection.user_account, Hook.AMOCRM))
    amocrm.crm.demo.profile.has_webhooks = False
    look_after_hook(connection)
    connection.refresh_from_db()
    assert not connection.webhook_active
    assert "plan" in connection.webhook_detail
    assert connection.state == ConnectionState.CONNECTED  # all else works
    amocrm.crm.demo.profile.has_webhooks = True
    look_after_hook(connection)
    connection.refresh_from_db()
    assert (connection.webhook_active, connection.webhook_detail) == (True, "")


def test_where_the_rights_are_lacking_it_says_so(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.faults.answer(403, prefix="/api/v4/webhooks")
    look_after_hook(connection)
    connection.refresh_from_db()
    assert not connection.webhook_active
    assert "administrator" in connection.webhook_detail


def test_what_the_former_account_refused_is_not_said_of_the_one_connected_meanwhile(
    connection: AmoCRMConnection, amocrm: Server
) -> None:
    amocrm.crm.faults.answer(403, prefix="/api/v4/webhooks")
    AmoCRMConnection.objects.update(connected_at=timezone.now(), webhook_active=True)
    look_after_hook(connection)
    present = AmoCRMConnection.objects.get()
    assert (present.webhook_active, present.webhook_detail) == (True, "")


def test_an_outage_changes_nothing_and_a_good_answer_ends_a_problem(
    connection: AmoCRMConnection, amocrm: Server
) -> None:
    fault = amocrm.crm.faults.outage()
    look_after_hook(connection)
    connection.refresh_from_db()
    assert (connection.webhook_active, connection.problem_code) == (True, "")
    amocrm.crm.faults.lift(fault)
    AmoCRMConnection.objects.update(problem_code=Problem.OUTAGE, problem_since=timezone.now(), failures=2)
    look_after_hook(connection)
    connection.refresh_from_db()
    assert connection.problem_code == ""


def test_a_dead_token_of_an_idle_account_is_noticed(connection: AmoCRMConnection, amocrm: Server) -> None:
    amocrm.crm.oauth.access.clear()
    look_after_hook(connection)
    connection.refresh_from_db()
    assert connection.state == ConnectionState.RECONNECT_NEEDED


def test_each_account_has_its_minute_and_who_has_to_wait_is_left_alone(connection: AmoCRMConnection) -> None:
    hour = datetime(2026, 3, 1, 9, tzinfo=UTC)
    asked = [len(connections_of_the_minute(hour + timedelta(minutes=minute))) for minute in range(60)]
    assert (sum(asked), asked[connection.user_account_id.int % 60]) == (1, 1)
    AmoCRMConnection.objects.update(next_attempt_at=timezone.now() + timedelta(days=1))
    assert not any(connections_of_the_minute(hour + timedelta(minutes=minute)) for minute in range(60))


def ask(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> list[int]:
    """Whose hooks are asked about, by ids; while that is done something `happens`."""
    asked: list[int] = []

    def note(connection: AmoCRMConnection) -> None:
        asked.append(connection.pk)
        happens()

    monkeypatch.setattr(tasks, "look_after_hook", note)
    return asked


def test_a_round_that_hangs_is_not_begun_again_beside_itself(
    connection: AmoCRMConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    AmoCRMConnection.objects.update(problem_code=Problem.OUTAGE, failures=1)
    asked = ask(monkeypatch, look_after_hooks)
    look_after_hooks()
    assert len(asked) == 1
    look_after_hooks()
    assert len(asked) == 2


def test_accounts_that_hang_take_a_round_no_longer_than_its_time_and_nobody_his_turn(
    connection: AmoCRMConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    AmoCRMConnection.objects.update(problem_code=Problem.OUTAGE, failures=1)
    for number in range(3):
        AmoCRMConnection.objects.create(
            user_account=UserAccount.objects.create(name=f"Hanging {number}"),
            state=ConnectionState.CONNECTED,
            set_up_at=timezone.now(),
            problem_code=Problem.OUTAGE,
        )
    well = AmoCRMConnection.objects.create(
        user_account=UserAccount.objects.create(name="Well"),
        state=ConnectionState.CONNECTED,
        set_up_at=timezone.now(),
    )
    monkeypatch.setattr(
        tasks,
        "connections_of_the_minute",
        lambda now: list(AmoCRMConnection.objects.values_list("user_account_id", "problem_code")),
    )
    clock = iter(range(0, 10_000, 15))  # each account takes 15 s
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    asked = ask(monkeypatch, lambda: None)
    look_after_hooks()
    assert asked[0] == well.pk
    assert len(asked) == 2
    for _minute in range(100):
        look_after_hooks()
    assert len(set(asked)) == 5
