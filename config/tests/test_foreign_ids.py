"""Ids of another account in whatever can be asked or sent: 400 or 404, and nothing is changed on either side."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from analytics.models import ReferralConversion, Referrer, Sale, Targetologist
from integrations.models import AmoCRMConnection, ConnectionState, SyncRun, WebhookLog
from integrations.tests.admin_world import MOMENT, World, build
from leads.models import Creative, Direction, Lead, PipelineStage
from leads.tests.routes import ALL, API, rows_of_account

pytestmark = pytest.mark.django_db

SPEND = {"day": "2026-03-01", "amount": "5", "currency": "KZT"}
REFUSED = (400, 404)


@pytest.fixture
def world() -> World:
    """Alfa's rows are in `rows`; Bob, of Bravo, is who tries. Nothing leaves for amoCRM."""
    world = build()
    Creative.objects.create(user_account=world.bravo, name="Bravo's")
    Sale.objects.create(user_account=world.bravo, client_name="Bravo's", currency="KZT", sold_at=MOMENT)
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED)
    return world


def both(world: World) -> list[dict[str, Any]]:
    return [rows_of_account(account) for account in (world.alfa, world.bravo)]


def of_bravo(model: Any) -> Any:
    return model.objects.filter(user_account__name="Bravo").earliest("pk")


def bodies(world: World) -> list[tuple[str, str, Any]]:
    """Method, path and body, each with one id of Alfa's."""
    theirs = {model: row.pk for model, row in world.rows.items()}
    purchase = {"amount": "5", "sold_at": "2026-03-01T09:00:00Z", "client_name": "Bob's"}
    return [
        ("POST", "/leads", {"name": "x", "creative_id": theirs[Creative]}),
        ("POST", "/leads", {"name": "x", "direction_id": theirs[Direction]}),
        ("POST", "/creatives", {"name": "x", "direction_id": theirs[Direction]}),
        ("PATCH", f"/creatives/{of_bravo(Creative).pk}", {"direction_id": theirs[Direction]}),
        ("POST", "/sales", {**purchase, "targetologist_id": theirs[Targetologist]}),
        ("PATCH", f"/sales/{of_bravo(Sale).pk}", {"targetologist_id": theirs[Targetologist]}),
        ("POST", "/ad-spend", [{**SPEND, "creative_id": theirs[Creative]}]),
        ("POST", "/ad-spend", [{**SPEND, "direction_id": theirs[Direction]}]),
        ("POST", "/ad-spend", [{**SPEND, "targetologist": theirs[Targetologist]}]),
        ("POST", "/ad-spend", [{**SPEND, "campaign": "good"}, {**SPEND, "targetologist": "ALFAWORLD buyer"}]),
        ("POST", f"/api/admin/webhook-logs/{theirs[WebhookLog]}/replay", {}),
        ("POST", f"/amocrm/sync-runs/{theirs[SyncRun]}/cancel", {}),
        ("POST", f"/leads/{theirs[Lead]}/push", {}),
        ("PATCH", f"/amocrm/pipeline-stages/{theirs[PipelineStage]}", {"is_qualified_stage": True}),
    ]


def send(client: Client, method: str, path: str, body: Any) -> int:
    return client.generic(method, path, json.dumps(body), "application/json").status_code


def test_no_row_of_another_account_is_taken_from_a_body(world: World) -> None:
    bob, before = world.client("bob"), both(world)
    taken = [told for told in bodies(world) if send(bob, *told) not in REFUSED]
    assert taken == []
    assert both(world) == before


def test_no_write_goes_to_another_account_that_the_body_names(world: World) -> None:
    bob, before = world.client("bob"), both(world)
    named = {"userAccountId": str(world.alfa.pk), "name": "x", "amount": "5"}
    calls = [(method, route.url(1)) for route in API for method in route.methods() if method != "GET"]
    assert len(calls) > 15
    assert [call for call in calls if send(bob, *call, named) != 404] == []
    assert both(world) == before


def test_no_form_of_a_page_takes_another_accounts_row(world: World) -> None:
    bob, before = world.client("bob"), both(world)
    theirs = {model: row.pk for model, row in world.rows.items()}
    forms: list[tuple[str, dict[str, object]]] = [
        ("/app/what-if/pattern", {"targetologist": theirs[Targetologist], "pattern": "x", "moved": theirs[Sale]}),
        ("/app/what-if/pattern", {"targetologist": "9" * 5_000, "pattern": "x", "moved": "9" * 5_000}),
        ("/app/what-if/rate", {"referrer": theirs[Referrer], "rate": "0.5"}),
        (f"/app/stages/{theirs[PipelineStage]}/qualified", {"is_qualified_stage": "on"}),
        (f"/app/deliveries/{theirs[WebhookLog]}/replay", {}),
    ]
    assert [path for path, values in forms if bob.post(path, values).status_code != 404] == []
    assert both(world) == before


def test_no_question_by_another_accounts_id_shows_anything_of_it(world: World) -> None:
    bob = world.client("bob")
    theirs = {model: row.pk for model, row in world.rows.items()}
    asked = {
        "creative_id": theirs[Creative],
        "creative": theirs[Creative],
        "direction_id": theirs[Direction],
        "direction": theirs[Direction],
        "directionId": theirs[Direction],
        "targetologist": theirs[Targetologist],
        "targetologist_id": theirs[Targetologist],
        "referrer": theirs[Referrer],
        "conversion_id": theirs[ReferralConversion],
        "sale_id": theirs[Sale],
        "lead_id": world.rows[Lead].amocrm_lead_id,
        "amocrm_lead_id": world.rows[Lead].amocrm_lead_id,
        "pipelineId": world.rows[Lead].current_pipeline_id,
        "stage": theirs[PipelineStage],
        "pattern": "tripwire",
        "rate": "0.5",
        "day": "2026-03-01",
    }
    routes = [route for route in ALL if not route.has_row and "GET" in route.methods()]
    assert len(routes) > 30
    shown = [
        f"{route.path}?{key}"
        for route in routes
        for key, value in asked.items()
        if "ALFAWORLD" in bob.get(route.url(), {key: value}).content.decode()
    ]
    together = [route.path for route in routes if "ALFAWORLD" in bob.get(route.url(), asked).content.decode()]
    assert shown + together == []
