"""The admin's first page: health at a glance, at the same cost for one account and for many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.admin import dashboard
from integrations.models import (
    AmoCRMConnection,
    ConnectionState,
    HookDay,
    MetaAdAccount,
    Problem,
    SaleNotification,
    WebhookLog,
)
from integrations.tests.admin_world import World
from leads.models import UserAccount

pytestmark = pytest.mark.django_db


def home(world: World, name: str = "root") -> str:
    return world.client(name).get("/admin/").content.decode()


def statements(world: World) -> int:
    with CaptureQueriesContext(connection) as asked:
        home(world)
    return len(asked)


def deliver(account: UserAccount, count: int = 1) -> None:
    WebhookLog.objects.bulk_create(
        WebhookLog(user_account=account, source="amocrm", raw_body=b"", content_type="") for _number in range(count)
    )


def test_many_accounts_take_no_more_statements_than_few(world: World) -> None:
    few = statements(world)
    for number in range(40):
        account = UserAccount.objects.create(name=f"Account {number}")
        AmoCRMConnection.objects.create(
            user_account=account, state=ConnectionState.CONNECTED, host=f"{number}.amocrm.ru"
        )
        MetaAdAccount.objects.create(user_account=account, act_id=f"50{number}", problem_code="token")
        deliver(account)
    assert statements(world) <= few


def test_what_is_wrong_is_on_the_first_page(world: World) -> None:
    AmoCRMConnection.objects.update(problem_code="blocked", problem_since=timezone.now() - timedelta(hours=3))
    SaleNotification.objects.update(queued_at=timezone.now())
    deliver(world.alfa, 3)
    page = home(world, "alice")
    assert "amoCRM blocks requests" in page
    assert "with problems: 1" in page
    assert "the access token is no good" in page
    assert "1 / 1" in page
    assert "Messages not sent in 7 days" in page
    assert "Gaps in 7 days" in page


def test_accounts_with_problems_stand_before_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "SHOWN_ACCOUNTS", 1)
    assert "Bravo</h2>" not in home(world) or "ALFAWORLD agency</h2>" not in home(world)
    dead = {"state": ConnectionState.RECONNECT_NEEDED, "problem_code": Problem.RECONNECT_NEEDED}
    AmoCRMConnection.objects.create(user_account=world.bravo, **dead)
    page = home(world)
    assert "Bravo</h2>" in page
    assert "ALFAWORLD agency</h2>" not in page


def test_a_number_that_stopped_counting_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "COUNTED", 2)
    deliver(world.alfa, 3)
    assert "<strong>2+</strong>" in home(world, "alice")


def test_a_foreign_owner_sees_no_number_of_another_account(world: World) -> None:
    HookDay.objects.update(untold=77)
    assert "<strong>77</strong>" in home(world, "alice")
    page = home(world, "bob")
    assert "<strong>77</strong>" not in page
    assert "ALFAWORLD" not in page
