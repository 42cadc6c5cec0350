from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from analytics.models import Targetologist
from leads.models import Membership, Role, User, UserAccount

pytestmark = pytest.mark.django_db


def create(*arguments: str, err: StringIO | None = None) -> dict[str, str]:
    out = StringIO()
    defaults = ("Школа", "--email", "Alice@Example.com", "--password", "secret-7")
    call_command("create_account", *(defaults + arguments), stdout=out, stderr=err or StringIO())
    assert out.getvalue().count("\n") == 1
    answer: dict[str, str] = json.loads(out.getvalue())
    assert set(answer) == {"user_account_id", "token"}
    return answer


def test_an_account_its_owner_and_a_token_that_works() -> None:
    answer = create()
    account = UserAccount.objects.get(pk=answer["user_account_id"])
    assert (account.name, account.phone_region, account.currency, account.timezone) == (
        *("Школа", "KZ", "KZT", "Asia/Almaty"),
    )
    owner = Membership.objects.get(user_account=account)
    assert (owner.role, owner.user.email, owner.user.is_staff) == (Role.OWNER, "alice@example.com", True)
    assert owner.user.check_password("secret-7")
    assert not owner.user.is_superuser
    assert APIClient(HTTP_AUTHORIZATION=f"Token {answer['token']}").get("/leads").status_code == 200


def test_it_starts_with_four_targetologists_in_their_order() -> None:
    create()
    assert [(t.name, t.emoji, t.patterns) for t in Targetologist.objects.all()] == [
        ("Kenesary", "👑", ["tripwire", "nutcab", "kenesary", "kenji"]),
        ("Arystan", "🦁", ["arystan"]),
        ("Muha", "🚀", ["on ai", "onai", "запуск", "yourmarketolog", "muha"]),
        ("Traf4", "⚡", ["alex", "traf4", "proftest", "pb_agency"]),
    ]


def test_what_is_said_of_region_currency_and_zone_is_kept() -> None:
    answer = create("--phone-region", "ru", "--currency", "RUB", "--timezone", "Europe/Moscow")
    account = UserAccount.objects.get(pk=answer["user_account_id"])
    assert (account.phone_region, account.currency, account.timezone) == ("RU", "RUB", "Europe/Moscow")


def test_the_same_email_again_is_a_second_account_of_the_same_user() -> None:
    first, err = create(), StringIO()
    second = create("--password", "another", err=err)
    assert second["token"] != first["token"]
    for token in (first["token"], second["token"]):
        caller = APIClient(HTTP_AUTHORIZATION=f"Token {token}")
        assert caller.get("/leads", {"userAccountId": first["user_account_id"]}).status_code == 200
    assert second["user_account_id"] != first["user_account_id"]
    user = User.objects.get()
    assert user.memberships.count() == 2
    assert user.check_password("secret-7")
    assert "keeps the old password" in err.getvalue()


def test_the_same_password_again_is_nothing_to_speak_of() -> None:
    err = StringIO()
    create()
    create(err=err)
    assert err.getvalue() == ""


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--phone-region", "XX", "no region"),
        ("--currency", "tenge", "currency"),
        ("--timezone", "Almaty", "no time zone"),
        ("--email", "alice", "no e-mail"),
        ("--password", "", "password"),
    ],
)
def test_a_senseless_value_is_told_in_one_line_and_leaves_nothing(option: str, value: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as raised:
        create(option, value)
    assert "\n" not in str(raised.value)
    assert not UserAccount.objects.exists()
    assert not User.objects.exists()
