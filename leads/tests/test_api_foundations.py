"""Errors, lists and the schema, seen through the API."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.management import call_command
from django.http import Http404
from rest_framework import exceptions

from leads.api import errors
from leads.models import Direction, Lead
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("query", ["page_size=501", "page_size=0", "page_size=-1", "page_size=x", "page=0", "page=1.5"])
def test_a_senseless_page_is_400_and_says_what_is_possible(cast: Cast, query: str) -> None:
    answer = client(cast.vera).get(f"/directions?{query}")
    assert answer.status_code == 400
    assert "Use a whole number from 1 to" in answer.json()["detail"]


def test_a_page_after_the_last_is_404(cast: Cast) -> None:
    for number in ("2", "1000000000"):
        answer = client(cast.vera).get(f"/directions?page={number}")
        assert answer.status_code == 404
        assert "the last one is 1" in answer.json()["detail"]


def test_a_list_is_read_page_by_page_as_it_was_asked_for(cast: Cast) -> None:
    Direction.objects.bulk_create(Direction(user_account=cast.alpha, name=f"D{n}") for n in range(5))
    first = client(cast.vera).get("/api/directions/?page_size=2").json()
    assert first["count"] == 5
    assert first["previous"] is None
    assert first["next"] == "http://testserver/api/directions/?page=2&page_size=2"
    last = client(cast.vera).get("/directions?page_size=500").json()
    assert (last["next"], len(last["results"])) == (None, 5)


def test_a_method_that_is_not_there_is_405_in_words(cast: Cast) -> None:
    answer = client(cast.alice).delete("/directions")
    assert answer.status_code == 405
    assert answer.json()["detail"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense"])
def test_whoever_accepts_something_else_gets_json_all_the_same(cast: Cast, accept: str) -> None:
    people = (None, cast.vera)
    answers = [client(person).get("/leads", HTTP_ACCEPT=accept) for person in people]
    answers.append(client().get("/amocrm/disabled", HTTP_ACCEPT=accept))
    assert [answer.status_code for answer in answers] == [401, 200, 403]
    assert {answer["Content-Type"] for answer in answers} == {"application/json"}


def test_broken_json_is_400_in_words(cast: Cast) -> None:
    answer = client(cast.sam).generic("POST", "/directions", "{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"name": "x",}', "application/json", "Тело — не JSON: посмотрите на строку 1, символ 14."),
        (b"\xff", "application/json", "Тело — не текст в UTF-8."),
        (b'{"name": NaN}', "application/json", "Тело — не JSON: в нём есть число, которое им не является."),
        (b"[]", "application/json", "Нужен объект, а передано: list."),
        (b"x", "multipart/form-data", "Форму нельзя прочитать: её «boundary» не указан или не тот, что в теле."),
    ],
)
def test_a_body_that_cannot_be_read_is_400_in_the_persons_language(
    cast: Cast, body: bytes, kind: str, said: str
) -> None:
    content: Any = body  # bytes as well, which the stubs do not know
    answer = client(cast.sam).generic("POST", "/leads", content, content_type=kind, HTTP_ACCEPT_LANGUAGE="ru")
    assert (answer.status_code, answer.json()) == (400, {"detail": said})


def test_refused_values_are_told_in_a_sentence_and_by_field(cast: Cast) -> None:
    answer = client(cast.sam).post("/leads", {"name": "x" * 301, "source": "radio"})
    assert answer.status_code == 400
    body = answer.json()
    assert set(body["fields"]) == {"name", "source"}
    assert body["detail"].startswith("name: Ensure this field has no more than 300 characters. source: “radio”")


@pytest.mark.parametrize(
    ("raised", "body"),
    [
        (exceptions.ValidationError("No."), {"detail": "No."}),
        (exceptions.ValidationError({"non_field_errors": ["No."]}), {"detail": "No."}),
        (
            exceptions.ValidationError({"rows": [{"day": ["Use a day."]}, {}]}),
            {"detail": "rows.day: Use a day.", "fields": {"rows": ["day: Use a day."]}},
        ),
        (
            exceptions.ValidationError({"patterns": {"0": ["No null."], "1": ["Too long."]}}),
            {
                "detail": "patterns.0: No null. patterns.1: Too long.",
                "fields": {"patterns": ["0: No null.", "1: Too long."]},
            },
        ),
        (
            DjangoValidationError({"day": ["Use a day."]}),
            {"detail": "day: Use a day.", "fields": {"day": ["Use a day."]}},
        ),
        (Http404("There is no such thing."), {"detail": "There is no such thing."}),
        (errors.Conflict("Taken."), {"detail": "Taken."}),
    ],
)
def test_errors_become_one_shape(raised: Exception, body: dict[str, Any]) -> None:
    answer = errors.error_response(raised, {})
    assert answer is not None
    assert answer.data == body


def test_what_was_not_foreseen_is_left_to_django() -> None:
    assert errors.error_response(ZeroDivisionError(), {}) is None


@pytest.mark.parametrize("path", ["/leads", "/directions", "/creatives", "/targetologists"])
def test_ids_beyond_any_database_are_404(cast: Cast, path: str) -> None:
    assert client(cast.vera).get(f"{path}/{10**30}").status_code == 404


def test_the_schema_is_clean() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "/leads/{id}" in out.getvalue()


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())["paths"]
    return found


def test_the_schema_does_not_describe_operations_by_the_docstrings_of_their_bases(paths: dict[str, Any]) -> None:
    told = [
        {operation["description"] for operation in operations.values() if "description" in operation}
        for operations in paths.values()
    ]
    times = Counter(description for of_path in told for description in of_path)
    assert [description for description, count in times.items() if count > 1] == []


def test_all_errors_have_one_shape_in_the_schema(paths: dict[str, Any]) -> None:
    shapes = {
        told["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for operations in paths.values()
        for operation in operations.values()
        for code, told in operation["responses"].items()
        if int(code) >= 400
    }
    assert shapes == {"Error", "BadRows"}  # uploads also name their bad rows


def test_lists_take_the_same_statements_however_long(cast: Cast, django_assert_max_num_queries: Any) -> None:
    Lead.objects.bulk_create(Lead(user_account=cast.alpha, name=f"L{n}") for n in range(30))
    caller = client(cast.vera)
    with django_assert_max_num_queries(7):
        assert len(caller.get("/leads").json()["results"]) == 30
