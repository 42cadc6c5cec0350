"""The named people of the access tests. Alice owns Alpha, Sam works in it, Vera looks on; Charlie owns Beta and must
see nothing of Alpha, nor Alpha's people anything of his. Dora works in both. Root is a superuser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from rest_framework.test import APIClient

from leads.models import Membership, Role, User, UserAccount


@dataclass(frozen=True)
class Cast:
    alpha: UserAccount
    beta: UserAccount
    alice: User
    sam: User
    vera: User
    charlie: User
    dora: User
    root: User


def make_cast() -> Cast:
    alpha = UserAccount.objects.create(name="Alpha")
    beta = UserAccount.objects.create(name="Beta")
    password = make_password("secret-7")
    people = {
        name: User(email=f"{name}@example.com", password=password)
        for name in ("alice", "sam", "vera", "charlie", "dora")
    }
    root = User(email="root@example.com", password=password, is_staff=True, is_superuser=True)
    # A statement for all: hundreds of tests begin here.
    User.objects.bulk_create([*people.values(), root])
    roles = (
        (alpha, "alice", Role.OWNER),
        (alpha, "sam", Role.STAFF),
        (alpha, "vera", Role.VIEWER),
        (beta, "charlie", Role.OWNER),
        (alpha, "dora", Role.STAFF),
        (beta, "dora", Role.STAFF),
    )
    Membership.objects.bulk_create(
        Membership(user_account=account, user=people[name], role=role) for account, name, role in roles
    )
    return Cast(alpha, beta, **people, root=root)


def client(user: User | None = None, **options: Any) -> APIClient:
    """A client with the person's session; nobody's without one."""
    made = APIClient(**options)
    if user is not None:
        made.force_login(user)
    return made
