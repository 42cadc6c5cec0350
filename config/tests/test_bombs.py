"""Bodies that are made to break a reader: deep, huge, broken or unstorable. Every door answers, and none by a 5xx."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from django.conf import settings
from django.test import Client

from integrations.models import AmoCRMConnection, ConnectionState
from integrations.tests.admin_world import build
from leads.tests.routes import API

pytestmark = pytest.mark.django_db

DEEP = 100_000
UNSTORABLE = "\\u0000\\ud800 \\udfff"
JSON_BODIES = {
    "deep list": "[" * DEEP,
    "deep list, closed": "[" * DEEP + "]" * DEEP,
    "deep object": '{"a":' * DEEP + "1" + "}" * DEEP,
    "giant int": '{"name": ' + "9" * 100_000 + ', "id": ' + "9" * 5_000 + "}",
    "NaN": '{"name": NaN, "day": Infinity, "amount": -Infinity, "direction_id": NaN}',
    "unstorable": json.dumps({"x": "y"})[:-1]
    + "".join(
        f', "{key}": "{UNSTORABLE}"'
        for key in ("name", "phone", "chat_id", "utm_source", "external_id", "code", "campaign", "client_phone", "full")
    )
    + "}",
    "wrong kinds": '{"name": {"a": [1]}, "phone": [1], "patterns": {"a": "b"}, "direction_id": true, "full": []}',
    "number": "1",
    "null": "null",
    "text": '"text"',
    "not UTF-8": b'{"name": "\xff\xfe\x00"}',
    "nothing": "",
}


def browser() -> Client:
    """Alice's, whose account is not connected: nothing leaves for amoCRM."""
    client = build().client("alice")
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED)
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES)
def test_no_body_breaks_an_endpoint(body: str | bytes) -> None:
    client = browser()
    broken = []
    for route in API:
        for method in set(route.methods()) - {"GET"}:
            answer = client.generic(method, route.url(1), body, content_type="application/json")
            if answer.status_code >= 500 or (answer.status_code >= 300 and "detail" not in answer.json()):
                broken.append((method, route.path, answer.status_code, answer.content[:200]))
    assert broken == []


def test_a_body_beyond_the_bound_is_refused_unread() -> None:
    client = browser()
    largest = b'{"name": "Aigul"}'.ljust(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    assert client.generic("POST", "/leads", largest, content_type="application/json").status_code == 201
    answer = client.generic("POST", "/leads", largest + b" ", content_type="application/json")
    assert (answer.status_code, answer.json()) == (413, {"detail": "The body is larger than 20 MB."})


@cache
def parameters() -> dict[str, set[str]]:
    """Of each path, what can be asked there, by the API's own schema."""
    told = Client().get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"}).json()
    return {
        re.sub(r"{[^}]+}", "1", path): {each["name"] for each in methods["get"]["parameters"] if each["in"] == "query"}
        for path, methods in told["paths"].items()
        if "parameters" in methods.get("get", {})
    }


@pytest.mark.parametrize("value", ["\x00", "\ud800".encode("utf-8", "surrogatepass"), "9" * 5_000, "-1", "NaN", "'"])
def test_no_query_breaks_an_endpoint(value: str | bytes) -> None:
    client = browser()
    somewhere = set().union(*parameters().values(), {"state"})
    broken = []
    for url in [route.url(1) for route in API if "GET" in route.methods()]:
        here = parameters()[url]
        # Each by itself, lest the first one that is refused hide the others; and all that are of other paths.
        for keys in [*([key] for key in sorted(here)), sorted(somewhere - here)]:
            answer = client.get(url, dict.fromkeys(keys, value))
            if answer.status_code >= 500:
                broken.append((url, keys, answer.status_code))
    assert broken == []
