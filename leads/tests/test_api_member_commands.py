from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from leads.models import Membership, Role, User
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db


def add(cast: Cast, email: str, role: str, account: object = None) -> dict[str, str]:
    out = StringIO()
    call_command(
        "add_member", str(account or cast.alpha.pk), "--email", email, "--password", "p", "--role", role, stdout=out
    )
    assert out.getvalue().count("\n") == 1
    answer: dict[str, str] = json.loads(out.getvalue())
    return answer


def test_a_new_person_gets_in_with_their_token(cast: Cast) -> None:
    answer = add(cast, "New@Example.com", "viewer")
    assert answer["user_account_id"] == str(cast.alpha.pk)
    assert (answer["email"], answer["role"]) == ("new@example.com", "viewer")
    assert client(User.objects.get(email="new@example.com")).get("/leads").status_code == 200


def test_a_members_role_is_changed(cast: Cast) -> None:
    add(cast, "vera@example.com", "staff")
    assert Membership.objects.get(user=cast.vera, user_account=cast.alpha).role == Role.STAFF


def test_the_only_owner_stays_one(cast: Cast) -> None:
    with pytest.raises(CommandError, match="at least one owner"):
        add(cast, "alice@example.com", "viewer")
    assert Membership.objects.get(user=cast.alice).role == Role.OWNER
    add(cast, "sam@example.com", "owner")
    add(cast, "alice@example.com", "viewer")
    assert Membership.objects.get(user=cast.alice).role == Role.VIEWER


def test_who_adds_a_person_does_not_get_their_password(cast: Cast) -> None:
    add(cast, "charlie@example.com", "viewer")
    cast.charlie.refresh_from_db()
    assert cast.charlie.check_password("secret-7")


@pytest.mark.parametrize("email", ["", "somebody", "a b@x.kz", f"{'x' * 250}@x.kz"])
def test_what_is_no_address_is_told(cast: Cast, email: str) -> None:
    """The last one is longer than the column, which PostgreSQL would refuse in its own way."""
    with pytest.raises(CommandError, match="is no e-mail address"):
        add(cast, email, "viewer")
    assert not User.objects.filter(email=email).exists()


@pytest.mark.parametrize("account", ["x", "00000000-0000-0000-0000-000000000000"])
def test_an_account_that_is_not_there_is_told(cast: Cast, account: str) -> None:
    with pytest.raises(CommandError, match="no account"):
        add(cast, "new@example.com", "viewer", account)


def test_a_role_that_is_not_there_is_told(cast: Cast) -> None:
    with pytest.raises(CommandError, match="boss"):
        add(cast, "new@example.com", "boss")


def test_a_senseless_email_is_told(cast: Cast) -> None:
    with pytest.raises(CommandError, match="no e-mail"):
        add(cast, "new", "viewer")
