"""What stands around every answer: policies and the guard at the login."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.test import Client, RequestFactory
from rest_framework.authtoken.models import Token

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
    token = Token.objects.create(user=alice)
    answer = Client(REMOTE_ADDR="10.0.0.1").get("/leads", headers={"authorization": f"Token {token.key}"})
    assert answer.status_code not in (401, 429)
