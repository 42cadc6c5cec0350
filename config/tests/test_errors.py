from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import IntegrityError, InternalError, OperationalError
from django.test import Client, RequestFactory
from psycopg.errors import ForeignKeyViolation, ReadOnlySqlTransaction
from pytest_django import Settings

from config.errors import server_error
from config.sessions import SessionStore
from integrations.models import AmoCRMConnection
from leads.models import UserAccount
from leads.tests.cast import make_cast

BROWSER = {"accept": "text/html,application/xhtml+xml"}
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/api/login", "/api", "/amocrm/nothing/"])
def test_a_program_gets_json_that_a_person_understands(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json() == {"detail": "There is nothing at this address."}


@pytest.mark.parametrize("path", ["/nothing", "/app/nothing"])
def test_a_person_gets_a_page(client: Client, path: str) -> None:
    response = client.get(path, headers=BROWSER)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_the_api_speaks_json_to_a_browser_too(client: Client) -> None:
    assert client.get("/api/nothing", headers=BROWSER)["Content-Type"] == "application/json"


def test_a_foreign_host_is_told_so(client: Client) -> None:
    response = client.get("/amocrm/status", headers={"host": "evil.example.com"})
    assert response.status_code == 400
    assert set(response.json()) == {"detail"}


def test_a_mistake_of_ours_shows_nothing_of_itself() -> None:
    response = server_error(RequestFactory().get("/leads"))
    assert response.status_code == 500
    assert b"Traceback" not in response.content


def read_only() -> InternalError:
    """What PostgreSQL says while another server is about to take over."""
    error = InternalError("cannot execute UPDATE in a read-only transaction, 5.00")
    error.__cause__ = ReadOnlySqlTransaction()
    return error


@pytest.mark.parametrize("path", ["/amocrm/status", "/app"])
@pytest.mark.parametrize("error", [OperationalError("couldn't get a connection after 5.00 sec"), read_only()])
def test_a_database_that_is_out_of_reach_is_503_for_programs_and_people(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception
) -> None:
    def unreachable(*args: object) -> None:
        raise error

    monkeypatch.setattr(SessionStore, "load", unreachable)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "0123456789"
    response = client.get(path)
    assert response.status_code == 503
    assert "database is out of reach" in response.content.decode()
    assert "5.00" not in response.content.decode()


def test_who_names_what_somebody_has_just_deleted_gets_a_page_that_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store(*args: object) -> None:
        error = IntegrityError("insert or update on table violates foreign key constraint 5.00")
        raise error from ForeignKeyViolation()

    monkeypatch.setattr(SessionStore, "load", store)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "0123456789"
    response = client.get("/app")
    assert response.status_code == 409
    assert "Somebody else was quicker" in response.content.decode()
    assert "5.00" not in response.content.decode()


@pytest.mark.parametrize("path", ["/amocrm/status", "/connection"])
def test_who_runs_the_server_with_other_keys_is_told_which_are_missing(
    client: Client, settings: Settings, path: str
) -> None:
    cast = make_cast()
    AmoCRMConnection.objects.create(user_account=cast.alpha, access_token="secret", state="connected")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    client.force_login(cast.sam)
    client.raise_request_exception = False
    response = client.get(path, {"userAccountId": str(cast.alpha.pk)})
    assert response.status_code == 500
    assert "any key of FIELD_ENCRYPTION_KEYS" in response.content.decode()


@pytest.mark.parametrize("path", ["/analytics/roi", "/app/"])
def test_a_time_zone_that_nobody_knows_is_named_with_the_way_to_mend_it(client: Client, path: str) -> None:
    cast = make_cast()
    UserAccount.objects.filter(pk=cast.alpha.pk).update(timezone="Asia/Atlantis")
    client.force_login(cast.alice)
    client.raise_request_exception = False
    response = client.get(path, headers=BROWSER if path == "/app/" else {})
    assert response.status_code == 500
    assert "Asia/Atlantis" in response.content.decode()
    assert (f"/admin/leads/useraccount/{cast.alpha.pk}/change/" in response.content.decode()) is (path == "/app/")
