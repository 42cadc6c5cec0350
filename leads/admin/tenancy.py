"""Whose rows a visitor of the admin sees, and what they may do with them."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.http import HttpRequest

from leads.models import Membership, Role, User, UserAccount

_CACHE = "_voronka_roles"


def user_of(request: HttpRequest) -> User | None:
    """The signed-in user; None for an anonymous visitor."""
    return request.user if isinstance(request.user, User) and request.user.is_active else None


def is_superuser(request: HttpRequest) -> bool:
    user = user_of(request)
    return user is not None and user.is_superuser


def roles_of(request: HttpRequest) -> dict[uuid.UUID, Role]:
    """The visitor's role by account id. Read once per request; a superuser's is not in here (they see all)."""
    roles: dict[uuid.UUID, Role] | None = getattr(request, _CACHE, None)
    if roles is None:
        user = user_of(request)
        rows = Membership.objects.filter(user=user).values_list("user_account_id", "role") if user else []
        roles = {account_id: Role(role) for account_id, role in rows}
        setattr(request, _CACHE, roles)
    return roles


def account_ids(request: HttpRequest, needed: Role = Role.VIEWER) -> list[uuid.UUID] | None:
    """Accounts in which the visitor has at least this role. None: all of them (a superuser)."""
    if is_superuser(request):
        return None
    return [account_id for account_id, role in roles_of(request).items() if role.covers(needed)]


def accounts_of(request: HttpRequest, needed: Role = Role.VIEWER) -> QuerySet[UserAccount]:
    ids = account_ids(request, needed)
    return UserAccount.objects.all() if ids is None else UserAccount.objects.filter(pk__in=ids)


def allows(request: HttpRequest, needed: Role, account_id: uuid.UUID | None = None) -> bool:
    """Whether the visitor's role in this account covers what is needed; without an account: in any of theirs."""
    if is_superuser(request):
        return True
    roles = roles_of(request)
    if account_id is None:
        return any(role.covers(needed) for role in roles.values())
    return account_id in roles and roles[account_id].covers(needed)


def has_several_accounts(request: HttpRequest) -> bool:
    """Whether it has to be said which account a row belongs to."""
    ids = account_ids(request)
    return len(ids) > 1 if ids is not None else UserAccount.objects.order_by()[:2].count() > 1
