"""What stands around every answer: policies and the guard at the login."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.test import Client, RequestFactory

from config.guard import client_address
from leads.services.accounts import token_create
from leads.tests.routes import ALL

pytestmark = pytest.mark.django_db


def test_our_pages_run_no_inline_scripts_and_the_theme_of_the_admin_may(client: Client) -> None:
    strict = client.get("/healthz")["Content-Security-Policy"]
    assert "unsafe" not in strict
    assert "frame-ancestors 'none'" in strict
    assert "'unsafe-eval'" in client.get("/admin/login/")["Content-Security-Policy"]


def test_ten_wrong_passwords_lock_one_person_at_one_address_and_no_token() -> None:
    users = get_user_model().objects
    alice = users.create_user(email="alice@example.com", password="right")
    users.create_user(email="bob@example.com", password="right")

    def sign_in(email: str, password: str, address: str = "10.0.0.1") -> bool:
        request = RequestFactory().post("/login/", REMOTE_ADDR=address)
        return authenticate(request, username=email, password=password) is not None

    assert sign_in("alice@example.com", "right")
    for number in range(settings.AXES_FAILURE_LIMIT):
        assert not sign_in("alice@example.com" if number % 2 else "Alice@Example.com ", "wrong")
    assert not sign_in("alice@example.com", "right")
    assert sign_in("alice@example.com", "right", address="10.0.0.2")
    assert sign_in("bob@example.com", "right")
    token = token_create(alice)
    answer = Client(REMOTE_ADDR="10.0.0.1").get("/leads", headers={"authorization": f"Token {token}"})
    assert answer.status_code not in (401, 429)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.1.1.1", "10.0.0.9"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 10.0.0.8", "1.1.1.1"),
        (1, "6.6.6.6, nonsense", "10.0.0.9"),
        (2, "1.1.1.1", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_what_our_own_proxies_say_of_a_visitors_address_counts(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().post("/login/", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == address


@pytest.mark.parametrize("door", ["/login/", "/admin/login/"])
def test_a_closed_sign_in_is_told_on_a_page_of_ours_in_the_persons_language(door: str) -> None:
    visitor = Client(headers={"accept-language": "ru"})
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = visitor.post(door, {"username": "alice@example.com", "password": "wrong"})
    assert answer.status_code == 429
    assert "Слишком много неверных паролей" in answer.content.decode()
    assert "voronka/pages" in answer.content.decode()


def test_who_makes_up_forwarded_addresses_is_locked_out_all_the_same(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    get_user_model().objects.create_user(email="alice@example.com", password="right")

    def sign_in(password: str, made_up: int) -> bool:
        said = f"6.6.6.{made_up}, 1.1.1.1"
        request = RequestFactory().post("/login/", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR=said)
        return authenticate(request, username="alice@example.com", password=password) is not None

    for number in range(settings.AXES_FAILURE_LIMIT):
        assert not sign_in("wrong", number)
    assert not sign_in("right", 99)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil.example", "///x"]
)
def test_signing_in_leads_nowhere_else(client: Client, target: str) -> None:
    get_user_model().objects.create_user(email="alice@example.com", password="right")
    answer = client.post(
        f"/login/?next={target}", {"username": "alice@example.com", "password": "right", "next": target}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/app/")


def test_a_session_writes_only_with_a_csrf_token() -> None:
    alice = get_user_model().objects.create_superuser(email="alice@example.com", password="right")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    written = [
        (method, route.url(1))
        for route in ALL
        for method in (route.methods() if route.view_class else ["POST"])
        if method not in ("GET", "HEAD") and route.path
    ]
    assert len(written) > 20
    allowed = [(method, url) for method, url in written if browser.generic(method, url, "{}").status_code != 403]
    assert allowed == []


def test_cookies_are_closed_to_scripts_and_other_sites(client: Client) -> None:
    get_user_model().objects.create_user(email="alice@example.com", password="right")
    answer = client.post("/login/", {"username": "alice@example.com", "password": "right"})
    session = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert not session["secure"], "tests speak http"


def test_a_foreign_host_is_refused(client: Client) -> None:
    assert client.get("/login/", headers={"host": "evil.example"}).status_code == 400
