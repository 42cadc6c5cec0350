"""Who may do what: the one place in which a caller's account and role are found and checked.

Every API view passes through `AccountPermission`, the default of the REST framework, so that an endpoint cannot forget
it. What a view needs stands on the view:

    class Leads(APIView):
        roles = {"POST": Role.STAFF}   # by method; safe methods need a viewer, all others staff, unless said here

    class Disabled(APIView):
        access = Access.OPEN           # anybody; the view checks a signature or gives nothing away

A view then asks `account_of(request)` and begins every query with `account_rows(Model, request)`. Pages that a person
opens pass through the decorator `page`, which is the same with a redirect to the login.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from leads.htmx import is_for_part, reload_page
from leads.models import Membership, Role, User, UserAccount

if TYPE_CHECKING:
    # The REST framework loads this module while it loads its own views.
    from rest_framework.views import APIView

ACCOUNT_PARAMETER = "userAccountId"
SESSION_KEY = "user_account_id"

P = ParamSpec("P")
M = TypeVar("M", bound=Model)
AnyRequest = HttpRequest | Request


class Access(Enum):
    """Whom a view lets in before roles are looked at."""

    ACCOUNT = "account"
    """Signed in, and a member of the account that the request is about. What every view is unless it says otherwise."""
    OPEN = "open"
    """Anybody."""


class AccountPermission(BasePermission):
    """Lets a request through only with an account of the caller's, and a role there that covers the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if getattr(view, "access", Access.ACCOUNT) is Access.OPEN:
            return True
        if not request.user.is_authenticated:
            if SessionOnly in view.authentication_classes:
                raise exceptions.NotAuthenticated(_("Sign in in a browser: no token opens this."))
            raise exceptions.NotAuthenticated(_("Sign in, or send the header “Authorization: Token …”."))
        enter(request, named_account(request), needed_role(view, request.method))
        return True


class Session(SessionAuthentication):
    """The framework's, which tells the want of a CSRF token in no language but its own."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise exceptions.PermissionDenied(
                _("A session writes only with its CSRF token: send the cookie “csrftoken” as the header X-CSRFToken.")
            ) from None


class SessionOnly(Session):
    """For views that a token must not open. Answers 401 and not 403 to who has no session."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


def needed_role(view: APIView, method: str | None) -> Role:
    """The role that a view asks for a method (`GET`, `POST`…)."""
    method = method or ""
    declared: Mapping[str, Role] = getattr(view, "roles", {})
    if method in declared:
        return declared[method]
    if method == "HEAD" and "GET" in declared:
        return declared["GET"]
    return Role.VIEWER if method in SAFE_METHODS else Role.STAFF


# --- What views ask ---


def account_of(request: AnyRequest) -> UserAccount:
    """The account that this request is about. Only in views that need one (`Access.ACCOUNT`, `page`)."""
    return cast("UserAccount", cast("Any", request).account)


def role_of(request: AnyRequest) -> Role:
    """The caller's role in that account."""
    return cast("Role", cast("Any", request).role)


def account_rows(model: type[M], request: AnyRequest) -> QuerySet[M]:
    """The model's rows of the request's account: where every query begins (law 8)."""
    return cast("QuerySet[M]", cast("Any", model).objects.filter(user_account=account_of(request)))


def account_row(model: type[M], request: AnyRequest, pk: object) -> M:
    """The row `pk` of the request's account. Another account's is as absent (404) as one that never was."""
    row = account_rows(model, request).filter(pk=pk).first()
    if row is None:
        raise exceptions.NotFound(_("There is no %(what)s %(id)s.") % {"what": model._meta.verbose_name, "id": pk})
    return row


def accounts_of(user: User | AnonymousUser) -> QuerySet[UserAccount]:
    """The accounts that a person sees, by name. Superusers see all."""
    if not isinstance(user, User):
        return UserAccount.objects.none()
    if user.is_superuser:
        return UserAccount.objects.all()
    return UserAccount.objects.filter(memberships__user=user)


def address(path: str, request: AnyRequest) -> str:
    """The path as the caller can open it: who has several accounts must name this one."""
    if accounts_of(cast("User", request.user)).count() < 2:
        return path
    return f"{path}?{ACCOUNT_PARAMETER}={account_of(request).pk}"


# --- Finding the account ---


def named_account(request: AnyRequest) -> uuid.UUID | None:
    """The account that the request names, in its query or its body (JSON or form); None when it names none.

    Raises ValidationError (400) for what is no UUID, and for two different ones.
    """
    names = {_as_account_id(value) for value in (*_query(request), *_body(request)) if value not in (None, "")}
    if len(names) > 1:
        raise exceptions.ValidationError(_("%s names two different accounts.") % ACCOUNT_PARAMETER)
    return names.pop() if names else None


def enter(request: AnyRequest, account_id: uuid.UUID | None, needed: Role) -> None:
    """Make `account_id` (or, when None, the caller's only account) the account of this request.

    Raises NotFound for an account that is not the caller's, ValidationError when None is named and there are several,
    PermissionDenied for a role that is too low.
    """
    account = _pick(request, account_id)
    role = _role_in(request, account)
    _check(role, needed)
    _remember(request, account, role)


def _check(role: Role, needed: Role) -> None:
    if not role.covers(needed):
        raise exceptions.PermissionDenied(
            _("Your role in this account is “%(role)s”; this needs “%(needed)s”.")
            % {"role": role.label, "needed": needed.label}
        )


def _query(request: AnyRequest) -> list[object]:
    return list(request.GET.getlist(ACCOUNT_PARAMETER))


def _body(request: AnyRequest) -> list[object]:
    if request.method in SAFE_METHODS:
        return []
    # A body may also be a list or a text (CSV), which name nobody.
    data: object = request.data if isinstance(request, Request) else request.POST
    return [data.get(ACCOUNT_PARAMETER)] if isinstance(data, dict) else []


def _as_account_id(value: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        raise exceptions.ValidationError(_("%s is no account's id.") % ACCOUNT_PARAMETER) from None


def _pick(request: AnyRequest, account_id: uuid.UUID | None) -> UserAccount:
    accounts = accounts_of(cast("User", request.user))
    if account_id is not None:
        named = accounts.filter(pk=account_id).first()
        if named is None:
            raise exceptions.NotFound(_("There is no such account."))
        return named
    candidates = list(accounts[:2])
    if len(candidates) > 1:
        raise exceptions.ValidationError(_("You have several accounts: say which, with %s.") % ACCOUNT_PARAMETER)
    if not candidates:
        raise exceptions.PermissionDenied(_("You are not a member of any account yet."))
    return candidates[0]


def _role_in(request: AnyRequest, account: UserAccount) -> Role:
    user = cast("User", request.user)
    if user.is_superuser:
        return Role.OWNER
    return Role(Membership.objects.values_list("role", flat=True).get(user=user, user_account=account))


def _remember(request: AnyRequest, account: UserAccount, role: Role) -> None:
    # On Django's own request: the REST framework's passes reads on to it, so both see the same account.
    http = cast("Any", request._request if isinstance(request, Request) else request)
    http.account, http.role = account, role


# --- Pages ---

View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(role: Role = Role.VIEWER) -> Callable[[View[P]], View[P]]:
    """A page that a person opens: anonymous visitors are sent to the login and come back here afterwards.

    `userAccountId` in the address chooses the account, and the session remembers it; before any choice it is the
    first by name. For a class-based view: `@method_decorator(page(), name="dispatch")`.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def inner(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                # A part is no place for the login: its page is sent there.
                return reload_page() if is_for_part(request) else redirect_to_login(request.get_full_path())
            _enter_page(request, role)
            return view(request, *args, **kwargs)

        cast("Any", inner).access = Access.ACCOUNT
        return cast("View[P]", inner)

    return decorate


def posted(back: str) -> Callable[[View[P]], View[P]]:
    """A form's address; below `page`. Who only opens it, as after signing in again, is led to the page `back`."""

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def inner(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            return view(request, *args, **kwargs) if request.method == "POST" else redirect(back)

        return cast("View[P]", inner)

    return decorate


def _enter_page(request: HttpRequest, role: Role) -> None:
    try:
        named = named_account(request)
        enter(request, named or _remembered(request), role)
    except exceptions.PermissionDenied as error:
        raise PermissionDenied(str(error.detail)) from error
    except (exceptions.NotFound, exceptions.ValidationError) as error:
        raise Http404(_("There is no such account.")) from error
    if named:
        request.session[SESSION_KEY] = str(named)


def demand(request: HttpRequest, needed: Role) -> None:
    """For a page that more people may read than send: Django's PermissionDenied for a role that is too low."""
    try:
        _check(role_of(request), needed)
    except exceptions.PermissionDenied as error:
        raise PermissionDenied(str(error.detail)) from error


def _remembered(request: HttpRequest) -> uuid.UUID | None:
    """The account last chosen, if it is still the person's; else their first."""
    accounts = accounts_of(cast("User", request.user))
    chosen = request.session.get(SESSION_KEY)
    if chosen and accounts.filter(pk=chosen).exists():
        return uuid.UUID(chosen)
    return accounts.values_list("pk", flat=True).first()


def open_to_all(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Marks a plain Django view as meant for anybody: signed deliveries, health, the login itself."""
    cast("Any", view).access = Access.OPEN
    return view
