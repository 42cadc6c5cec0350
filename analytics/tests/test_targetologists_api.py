from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Targetologist
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db


def test_a_targetologist_is_added_after_the_others(cast: Cast) -> None:
    Targetologist.objects.create(user_account=cast.alpha, name="Kenesary", position=4)
    Targetologist.objects.create(user_account=cast.beta, name="Theirs", position=9)
    body = {"name": "Muha", "emoji": "🚀", "patterns": ["on ai", "onai", "onai"], "telegram_chat_id": "-100123"}
    made = client(cast.sam).post("/targetologists", body)
    assert made.status_code == 201
    assert made.json() == body | {
        "id": made.json()["id"],
        "user_account_id": str(cast.alpha.pk),
        "patterns": ["on ai", "onai"],
        "position": 5,
    }
    assert [row["name"] for row in client(cast.vera).get("/targetologists").json()["results"]] == ["Kenesary", "Muha"]


def test_a_targetologist_is_changed_in_part(cast: Cast) -> None:
    muha = Targetologist.objects.create(user_account=cast.alpha, name="Muha", emoji="🚀", patterns=["muha"])
    changed = client(cast.sam).patch(f"/targetologists/{muha.pk}", {"patterns": ["запуск"], "position": 0})
    assert changed.status_code == 200
    muha.refresh_from_db()
    assert (muha.patterns, muha.position, muha.emoji) == (["запуск"], 0, "🚀")


def test_a_chat_that_is_null_is_none(cast: Cast) -> None:
    made = client(cast.sam).post("/targetologists", {"name": "Muha", "emoji": None, "telegram_chat_id": None})
    assert (made.status_code, made.json()["emoji"], made.json()["telegram_chat_id"]) == (201, "", "")
    path = f"/targetologists/{made.json()['id']}"
    assert client(cast.sam).patch(path, {"telegram_chat_id": "-100123"}).json()["telegram_chat_id"] == "-100123"
    assert client(cast.sam).patch(path, {"telegram_chat_id": None}).json()["telegram_chat_id"] == ""


def test_what_is_not_named_is_not_written(cast: Cast) -> None:
    muha = Targetologist.objects.create(user_account=cast.alpha, name="Muha", patterns=["muha"])
    with CaptureQueriesContext(connection) as caught:
        client(cast.sam).patch(f"/targetologists/{muha.pk}", {"name": "Mukha"})
    [written] = [query["sql"] for query in caught if query["sql"].startswith('UPDATE "targetologists"')]
    assert "patterns" not in written


def test_a_name_is_one_targetologists(cast: Cast) -> None:
    Targetologist.objects.create(user_account=cast.alpha, name="Muha")
    other = Targetologist.objects.create(user_account=cast.alpha, name="Traf4")
    assert client(cast.sam).post("/targetologists", {"name": "Muha"}).status_code == 409
    assert client(cast.sam).patch(f"/targetologists/{other.pk}", {"name": "Muha"}).status_code == 409
    assert client(cast.charlie).post("/targetologists", {"name": "Muha"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "A", "patterns": "muha"},
        {"name": "A", "patterns": [""]},
        {"name": "A", "patterns": [{"a": 1}]},
        {"name": "A", "position": -1},
        {"name": "A", "emoji": "x" * 17},
    ],
)
def test_what_cannot_be_meant_is_400(cast: Cast, body: dict[str, Any]) -> None:
    answer = client(cast.sam).post("/targetologists", body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
