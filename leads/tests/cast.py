"""The named people of the access tests. Alice owns Alpha, Sam works in it, Vera looks on; Charlie owns Beta and must
see nothing of Alpha, nor Alpha's people anything of his. Dora works in both. Root is a superuser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    people = {
        name: User.objects.create_user(f"{name}@example.com", "secret-7")
        for name in ("alice", "sam", "vera", "charlie", "dora")
    }
    root = User.objects.create_superuser("root@example.com", "secret-7")
    roles = (
        (alpha, "alice", Role.OWNER),
        (alpha, "sam", Role.STAFF),
        (alpha, "vera", Role.VIEWER),
        (beta, "charlie", Role.OWNER),
        (alpha, "dora", Role.STAFF),
        (beta, "dora", Role.STAFF),
    )
    for account, name, role in roles:
        Membership.objects.create(user_account=account, user=people[name], role=role)
    return Cast(alpha, beta, **people, root=root)


def client(user: User | None = None, **options: Any) -> APIClient:
    """A client with the person's session; nobody's without one."""
    made = APIClient(**options)
    if user is not None:
        made.force_login(user)
    return made
