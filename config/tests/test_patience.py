"""Who only reads is not waited for without end. Each statement here would run for hours, were it not cancelled."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from config import patience
from config.sessions import SessionStore
from leads.tests.cast import make_cast
from leads.turns import is_cut_short

COUNT = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT count(*) FROM n"
FOREVER, A_SECOND = COUNT.format(10**11), COUNT.format(2 * 10**6)
pytestmark = pytest.mark.django_db(transaction=True)


def ask(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.0)


def asked_of_each_page(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    load = SessionStore.load

    def slowly(session: SessionStore) -> dict[str, Any]:
        ask(statement)
        return load(session)

    monkeypatch.setattr(SessionStore, "load", slowly)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", ["/app/leads", "/leads", "/admin/"])
def test_a_search_without_end_is_answered_with_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client.force_login(make_cast().alice)
    client.raise_request_exception = False
    asked_of_each_page(monkeypatch, FOREVER)
    answer = client.get(path)
    assert answer.status_code == 503
    assert "too much to look through" in answer.content.decode()
    assert "out of reach" not in answer.content.decode()
    assert ask("SELECT 1") == (1,)  # the connection is as good as before


@pytest.mark.usefixtures("impatient")
def test_what_writes_is_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(make_cast().alice)
    asked_of_each_page(monkeypatch, A_SECOND)
    assert client.post("/directions", {"name": "School"}, content_type="application/json").status_code == 201


def test_a_transaction_is_waited_for_and_what_is_read_without_one_is_not() -> None:
    watch = patience.Watch()
    with watch.reading(0):
        with transaction.atomic():
            assert ask(A_SECOND) == (2 * 10**6,)
        with pytest.raises(OperationalError) as failed:
            ask(FOREVER)
    assert is_cut_short(failed.value)


def test_whoever_has_the_connection_next_is_left_alone() -> None:
    watch = patience.Watch()
    with watch.reading(0), pytest.raises(OperationalError):
        ask(FOREVER)
    assert ask(A_SECOND) == (2 * 10**6,)
