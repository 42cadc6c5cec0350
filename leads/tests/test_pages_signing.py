"""Signing in and out, and the language of the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from leads.tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def sign_in(client: Client, email: str = "alice@example.com", password: str = "secret-7", query: str = "") -> Any:
    return client.post(f"/login/{query}", {"username": email, "password": password, "next": ""})


def test_the_right_password_opens_the_dashboard(client: Client, cast: Cast) -> None:
    answer = sign_in(client)
    assert answer.status_code == 302
    assert answer["Location"] == "/app/"
    assert client.get("/app/").status_code == 200


def test_the_login_answers_with_and_without_a_slash(client: Client) -> None:
    assert client.get("/login").status_code == client.get("/login/").status_code == 200


def test_an_email_may_be_written_in_capitals_and_with_spaces(client: Client, cast: Cast) -> None:
    assert sign_in(client, " Alice@Example.com ").status_code == 302


def test_a_wrong_password_is_told_without_saying_which_was_wrong(client: Client, cast: Cast) -> None:
    known = sign_in(client, password="wrong").content.decode()
    unknown = sign_in(client, "nobody@example.com", "wrong").content.decode()
    told = "do not belong together"
    assert told in known
    assert told in unknown


def test_empty_fields_are_named(client: Client, cast: Cast) -> None:
    page = sign_in(client, "", "").content.decode()
    assert "Enter your e-mail." in page
    assert "Enter your password." in page


def test_the_page_wanted_first_is_opened_afterwards(client: Client, cast: Cast) -> None:
    wanted = client.get("/app/leads/?q=77")["Location"]
    assert wanted == "/login/?next=/app/leads/%3Fq%3D77"
    answer = client.post(wanted, {"username": "alice@example.com", "password": "secret-7"})
    assert answer["Location"] == "/app/leads/?q=77"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere_after_signing_in(client: Client, cast: Cast, elsewhere: str) -> None:
    answer = client.post("/login/", {"username": "alice@example.com", "password": "secret-7", "next": elsewhere})
    assert answer["Location"] == "/app/"


def test_who_is_in_already_needs_no_login(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert client.get("/login/")["Location"] == "/app/"


def test_signing_out_needs_a_post_and_ends_the_session(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/app/").status_code == 302


def test_too_many_wrong_passwords_close_the_login_for_a_while(client: Client, cast: Cast, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = sign_in(client, password="wrong")
    assert answer.status_code == 429
    assert "Too many wrong passwords." in answer.content.decode()
    assert "15 minutes" in answer.content.decode()
    assert sign_in(client).status_code == 429  # the right one does not help now


def test_one_persons_wrong_passwords_close_nothing_for_another(client: Client, cast: Cast, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "sam@example.com", "wrong")
    assert sign_in(client).status_code == 302


def test_a_post_without_the_csrf_token_is_refused(cast: Cast) -> None:
    assert sign_in(Client(enforce_csrf_checks=True)).status_code == 403


# --- Language ---


def test_a_chosen_language_is_stored_with_the_person_and_in_the_cookie(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    answer = client.post("/app/language", {"language": "ru", "next": "/app/stages/"})
    assert answer["Location"] == "/app/stages/"
    assert answer.cookies["django_language"].value == "ru"
    cast.alice.refresh_from_db()
    assert cast.alice.language == "ru"
    assert '<html lang="ru">' in client.get("/app/stages/").content.decode()


def test_a_stored_language_wins_over_the_browsers(client: Client, cast: Cast) -> None:
    cast.alice.language = "ru"
    cast.alice.save()
    client.force_login(cast.alice)
    page = client.get("/app/leads/", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="ru">' in page


def test_signing_in_brings_the_stored_language_along(client: Client, cast: Cast) -> None:
    cast.alice.language = "ru"
    cast.alice.save()
    assert sign_in(client).cookies["django_language"].value == "ru"


def test_without_a_choice_the_browser_is_asked(client: Client) -> None:
    assert '<html lang="ru">' in client.get("/login/", headers={"accept-language": "ru,en;q=0.5"}).content.decode()
    assert '<html lang="en">' in client.get("/login/", headers={"accept-language": "de"}).content.decode()


def test_a_language_that_is_none_changes_nothing(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    answer = client.post("/app/language", {"language": "xx", "next": "https://evil.example/"})
    assert answer["Location"] == "/app/"
    assert "django_language" not in answer.cookies
