from __future__ import annotations

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from config.paths import NOWHERE, canonical


@pytest.mark.parametrize(
    ("typed", "routed"),
    [
        ("/", "/"),
        ("/amocrm/status", "/amocrm/status"),
        ("/amocrm/status/", "/amocrm/status"),
        ("/api/amocrm/status", "/amocrm/status"),
        ("/api/amocrm/status/", "/amocrm/status"),
        ("/api/webhook/amocrm/traffic/", "/webhook/amocrm/traffic"),
        ("/api/schema", "/api/schema"),
        ("/api/schema/", "/api/schema"),
        ("/api/admin/webhook-logs/", "/api/admin/webhook-logs"),
        ("/api/admin/webhook-logs/5/replay", "/api/admin/webhook-logs/5/replay"),
        ("/admin", "/admin/"),
        ("/admin/leads/lead", "/admin/leads/lead/"),
        ("/admin/leads/lead/", "/admin/leads/lead/"),
        ("/administrator/", "/administrator"),
        ("/static/a/", "/static/a/"),
        ("/statics/", "/statics"),
        ("/login/", "/login"),
        ("/app/", "/app"),
        ("/apiary/", "/apiary"),
        ("/amocrm/status//", "/amocrm/status/"),
        ("//amocrm/status", "//amocrm/status"),
        ("/API/amocrm/status", "/API/amocrm/status"),
        ("//", "/"),
        ("", ""),
    ],
)
def test_a_path_is_routed_by_its_one_spelling(typed: str, routed: str) -> None:
    assert canonical(typed) == routed


@pytest.mark.parametrize(
    "typed",
    [
        *("/api", "/api/", "/api//", "/api/app", "/api/app/leads", "/api/login/", "/api/connection/"),
        *("/api/api/amocrm/status", "/api/static/app.css", "/api/connection"),
    ],
)
def test_pages_and_nonsense_have_no_address_under_api(typed: str) -> None:
    assert canonical(typed) == NOWHERE


@given(st.text(alphabet="/apimdnogh.-%é ", max_size=30))
def test_an_address_that_is_routed_already_stays(tail: str) -> None:
    once = canonical(f"/{tail}".rstrip("/") or "/")
    if once != NOWHERE and not once.startswith("/api"):
        assert canonical(once) == once


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/api/healthz", "/api/healthz/"])
def test_all_four_spellings_answer_in_place(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.wsgi_request.path == path


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api", "/api/admin", "/api/login", "/healthz//", "/API/healthz", "/api/api/healthz"])
def test_what_is_no_address_is_404(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin", "/admin/"])
def test_the_admin_answers_with_and_without_its_slash(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert "/login" in response["Location"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/schema", "/api/schema/"])
def test_the_schema_is_open_to_all(client: Client, path: str) -> None:
    assert client.get(path).json()["openapi"]


@pytest.mark.parametrize("accept", ["*/*", "application/yaml", "application/vnd.oai.openapi"])
def test_the_schemas_errors_are_json_like_all_others(client: Client, accept: str) -> None:
    answer = client.post("/api/schema", headers={"accept": accept})
    assert (answer.status_code, list(answer.json())) == (405, ["detail"])
