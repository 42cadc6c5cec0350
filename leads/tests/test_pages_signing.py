"""Signing in and out, and the language of the pages."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from leads.models import PipelineStage, User
from leads.tests.cast import Cast

pytestmark = pytest.mark.django_db


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


def test_a_new_password_opens_a_closed_login(client: Client, cast: Cast, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "Alice@example.com", "wrong")
        sign_in(client, "sam@example.com", "wrong")
    administrator = Client()
    administrator.force_login(User.objects.get(email="root@example.com"))
    new = "a long quiet evening"
    form = {"password1": new, "password2": new, "usable_password": "true"}
    assert administrator.post(f"/admin/leads/user/{cast.alice.pk}/password/", form).status_code == 302
    assert sign_in(client, password=new).status_code == 302
    client.logout()
    assert sign_in(client, "sam@example.com").status_code == 429


def test_one_persons_wrong_passwords_close_nothing_for_another(client: Client, cast: Cast, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "sam@example.com", "wrong")
    assert sign_in(client).status_code == 302


def test_a_post_without_the_csrf_token_is_refused(cast: Cast) -> None:
    assert sign_in(Client(enforce_csrf_checks=True)).status_code == 403


# --- What was typed when the session was over ---

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
RATE = {"day": "2026-03-30", "currency": "USD", "rate": "501.25"}


def hidden_in(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)}


def kept_in(login: Any, email: str = "sam@example.com", password: str = "secret-7") -> Any:
    """The answer to the login form with all that it carries."""
    fields = {**hidden_in(login.content.decode()), "username": email, "password": password}
    return login.client.post("/login/", fields)


def test_what_was_typed_goes_through_the_login(client: Client, cast: Cast) -> None:
    stage = PipelineStage.objects.create(user_account=cast.alpha, pipeline_id=1, status_id=20)
    address = f"/app/stages/{stage.pk}/qualified"
    login = client.post(address, {"is_qualified_stage": "true"}, headers=BROWSER)
    assert "What you entered is not lost" in login.content.decode()
    assert "no-store" in login["Cache-Control"]
    page = kept_in(login).content.decode()
    assert f'action="{address}"' in page
    stage.refresh_from_db()
    assert not stage.is_qualified_stage, "nobody has said yet that it is to be sent"
    client.post(address, hidden_in(page))
    stage.refresh_from_db()
    assert stage.is_qualified_stage


def test_what_another_site_sent_is_not_kept(cast: Cast) -> None:
    assert Client(enforce_csrf_checks=True).post("/app/spend/rates/", RATE, headers=BROWSER).status_code == 403


def test_a_wrong_password_loses_nothing_of_it(client: Client, cast: Cast) -> None:
    login = client.post("/app/spend/rates/", RATE, headers=BROWSER)
    page = kept_in(kept_in(login, password="wrong")).content.decode()
    assert hidden_in(page).items() >= RATE.items()


def test_lines_and_lists_stay_what_they_were(client: Client, cast: Cast) -> None:
    typed = {"text": 'day,rate\r\n"<b>"&amp;,1', "chosen": ["1", "2"]}
    page = kept_in(client.post("/app/spend/upload/?x=1", typed, headers=BROWSER)).content.decode()
    assert 'action="/app/spend/upload/?x=1"' in page
    assert hidden_in(page)["text"] == typed["text"]
    assert [page.count(f'name="chosen" value="{value}"') for value in typed["chosen"]] == [1, 1]


def test_the_administrations_forms_are_kept_too(client: Client, cast: Cast) -> None:
    typed = {"name": "Video", "memberships-0-password": "s3cret"}
    page = kept_in(client.post("/admin/leads/direction/add/", typed, headers=BROWSER)).content.decode()
    assert 'action="/admin/leads/direction/add/"' in page
    assert hidden_in(page)["name"] == "Video"
    assert "s3cret" not in page


def test_only_what_was_sent_here_is_laid_before_anybody(client: Client, cast: Cast) -> None:
    forged = signing.dumps(("/connection/disconnect", [("sure", "1")]), salt="another")
    for typed in (forged, "nonsense", ""):
        answer = client.post("/login/", {"username": "sam@example.com", "password": "secret-7", "typed": typed})
        assert answer["Location"] == "/app/"
        client.logout()


def test_without_anything_typed_the_login_is_the_usual_one(client: Client, cast: Cast) -> None:
    for answer in (
        client.post("/app/spend/rates/", RATE),  # no browser
        client.post("/app/spend/rates/", headers=BROWSER),
        client.post("/app/spend/upload/", {"file": SimpleUploadedFile("a.csv", b"day")}, headers=BROWSER),
        client.get("/app/spend/rates/", RATE, headers=BROWSER),
    ):
        assert answer["Location"].startswith("/login/?next=/app/spend/")
    language = {"language": "ru", "next": "/login/?next=/app/spend/"}
    assert client.post("/app/language", language, headers=BROWSER)["Location"] == language["next"]
    client.force_login(cast.sam)
    assert client.post("/logout/", {"x": "1"}, headers=BROWSER)["Location"] == "/login/"


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
