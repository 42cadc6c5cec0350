"""Targetologists: patterns are written one per line."""

from __future__ import annotations

import pytest
from django.test import Client

from analytics.models import Targetologist
from leads.models import Membership, Role, User, UserAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer() -> Targetologist:
    account = UserAccount.objects.create(name="Alfa")
    return Targetologist.objects.create(
        user_account=account, name="Kenesary", emoji="👑", patterns=["tripwire", "nutcab"]
    )


@pytest.fixture
def client(buyer: Targetologist) -> Client:
    user = User.objects.create_user("sam@x.kz", "pw", is_staff=True)
    Membership.objects.create(user=user, user_account=buyer.user_account, role=Role.STAFF)
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def save(client: Client, buyer: Targetologist, patterns: str) -> int:
    form = {"name": buyer.name, "emoji": buyer.emoji, "patterns": patterns, "position": "0"}
    status = client.post(f"/admin/analytics/targetologist/{buyer.pk}/change/", form).status_code
    buyer.refresh_from_db()
    return status


def test_patterns_are_shown_one_per_line(client: Client, buyer: Targetologist) -> None:
    page = client.get(f"/admin/analytics/targetologist/{buyer.pk}/change/").content.decode()
    assert "tripwire\nnutcab" in page


def test_patterns_keep_their_order_and_lose_blanks_and_doubles(client: Client, buyer: Targetologist) -> None:
    assert save(client, buyer, " on ai \r\n\r\nmuha\r\non ai\r\nзапуск") == 302
    assert buyer.patterns == ["on ai", "muha", "запуск"]


def test_no_patterns_are_an_empty_list(client: Client, buyer: Targetologist) -> None:
    assert save(client, buyer, "") == 302
    assert buyer.patterns == []


def test_a_pattern_as_long_as_a_book_is_refused(client: Client, buyer: Targetologist) -> None:
    assert save(client, buyer, "x" * 300) == 200
    assert buyer.patterns == ["tripwire", "nutcab"]
