"""Syncs over the API and on the connection page: started, joined, shown, cancelled, by whom it concerns."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from integrations.api import sync as api
from integrations.models import AmoCRMConnection, SyncRun
from integrations.tests.sync_world import finish
from leads.models import Membership, Role, User, UserAccount
from sandbox import Server


@pytest.fixture
def staff(connected: UserAccount) -> APIClient:
    user = User.objects.create_user("s@example.com", "pw")
    Membership.objects.create(user=user, user_account=connected, role=Role.STAFF)
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_the_api_starts_joins_shows_and_cancels(
    staff: APIClient, connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)
    answer = staff.post("/amocrm/sync-leads", {"full": False}, format="json")
    assert answer.status_code == 202
    body = answer.json()
    assert {"success", "run_id", "total", "updated", "errors", "status_url"} <= body.keys()
    assert staff.post("/amocrm/sync-leads/").json()["run_id"] == body["run_id"]
    amocrm.crm.demo.deals.create("deal", phone="+77011111111")
    finish(SyncRun.objects.get())
    shown = staff.get(body["status_url"]).json()
    assert (shown["state"], shown["success"], shown["total"], shown["drift"]) == ("done", True, 1, [])
    assert staff.post(f"{body['status_url']}/cancel").status_code == 409
    assert staff.get("/api/amocrm/sync-runs/").json()["count"] == 1
    AmoCRMConnection.objects.update(state="disconnected")
    assert staff.post("/amocrm/sync-leads").status_code == 409


@pytest.mark.parametrize("body", [[], [1], "full", 1, True, {"full": "maybe"}])
def test_no_sync_starts_by_a_body_that_makes_no_sense(staff: APIClient, connected: UserAccount, body: Any) -> None:
    assert staff.post("/amocrm/sync-leads", body, format="json").status_code == 400
    assert not SyncRun.objects.exists()


def test_who_has_several_accounts_can_open_the_status_url_as_it_stands(
    connected: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)
    person = User.objects.create_user("two@example.com", "pw")
    for account in (connected, UserAccount.objects.create(name="Beta")):
        Membership.objects.create(user=person, user_account=account, role=Role.STAFF)
    client = APIClient()
    client.force_authenticate(person)
    started = client.post(f"/amocrm/sync-leads?userAccountId={connected.pk}").json()
    assert client.get(started["status_url"]).json()["run_id"] == started["run_id"]


def test_another_accounts_run_is_not_there(staff: APIClient, db: None) -> None:
    foreign = SyncRun.objects.create(user_account=UserAccount.objects.create(name="Beta"))
    assert staff.get(f"/amocrm/sync-runs/{foreign.pk}").status_code == 404


@pytest.mark.parametrize(("allowed", "told"), [(7.0, "7"), (3.5, "3.5")])
def test_the_connection_page_shows_and_cancels_it(
    connected: UserAccount, amocrm: Server, client: Client, settings: Settings, allowed: float, told: str
) -> None:
    settings.AMOCRM_REQUESTS_PER_SECOND = allowed
    user = User.objects.create_user("p@example.com", "pw")
    Membership.objects.create(user=user, user_account=connected, role=Role.STAFF)
    client.force_login(user)
    client.post("/connection/syncs/start/")
    run = SyncRun.objects.get()
    SyncRun.objects.update(progress={"phase": "leads", "done": 500, "expected": 1000, "rate": 6.2, "eta_seconds": 130})
    shown = client.get("/connection/syncs/").content.decode()
    assert f"6.2 of {told} requests a second" in shown
    assert "2 min left" in shown
    assert 'class="meter"' in shown
    client.post("/connection/syncs/cancel/")
    run.refresh_from_db()
    assert (run.state, run.detail) == ("failed", "cancelled")
    assert "cancelled" in client.get("/connection/syncs/").content.decode()
