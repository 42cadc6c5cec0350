"""Every route of the product, walked by everybody. A new endpoint is walked from the day it exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from leads.access import Access, AccountPermission, needed_role
from leads.models import Role, User, UserAccount
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

# What is open to everybody; the hooks check their signature, /metrics its own token. The language is
# chosen on the login page. A referrer's page is opened by the signed link to it.
OPEN = re.compile(
    r"(healthz|readyz|metrics|login|logout|app/language|api/schema|static/.*|webhooks?/.*|amocrm/disabled|r/.*)$"
)
# Its account is that of the single-use `state`; strangers are sent away all the same.
BY_STATE = {"amocrm/callback"}
FOR_OWNERS = {"amocrm/auth", "amocrm/disconnect"}
PAGES = re.compile(r"$|app(/|$)|connection(/|$)|i18n/")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FOREIGN_ID = 9_000_001
PLAUSIBLE: dict[str, Any] = {
    "BigIntegerField": 7,
    "IntegerField": 7,
    "PositiveIntegerField": 7,
    "DecimalField": Decimal("1.00"),
    "DateField": date(2026, 3, 1),
    "DateTimeField": datetime(2026, 3, 1, tzinfo=UTC),
    "BinaryField": b"body",
}


@dataclass(frozen=True)
class Route:
    path: str
    callback: Any

    @property
    def view_class(self) -> Any:
        return getattr(self.callback, "cls", None)

    @property
    def access(self) -> Access | None:
        if self.view_class is not None:
            return getattr(self.view_class, "access", Access.ACCOUNT)
        return getattr(self.callback, "access", None)

    @property
    def is_page(self) -> bool:
        return bool(PAGES.match(self.path))

    @property
    def has_row(self) -> bool:
        return "<" in self.path

    def methods(self) -> list[str]:
        if self.view_class is None:
            return ["GET"]
        allowed = self.view_class.http_method_names
        return [m for m in METHODS if m.lower() in allowed and hasattr(self.view_class, m.lower())]

    def url(self, pk: object = FOREIGN_ID) -> str:
        return "/" + re.sub(r"<[^>]+>", str(pk), self.path)

    def needs(self, method: str) -> Role:
        return needed_role(self.view_class, method)


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[Route]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if path == "admin/":  # the admin has walls and tests of its own
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        else:
            yield Route(path, pattern.callback)


ALL = [route for route in routes() if not OPEN.match(route.path)]
API = [route for route in ALL if route.view_class is not None and route.access is Access.ACCOUNT]
CALLS = [(route, method) for route in API for method in route.methods()]


def name(value: object) -> str:
    return value.path if isinstance(value, Route) else str(value)


each_call = pytest.mark.parametrize(("route", "method"), CALLS, ids=name)


def call(user: User | None, method: str, url: str, account: UserAccount | None = None) -> Any:
    query = f"?userAccountId={account.pk}" if account else ""
    return client(user).generic(method, f"{url}{query}", "{}", content_type="application/json")


def test_routes_are_found() -> None:
    assert {"leads", "amocrm/pipelines", "targetologists"} <= {route.path for route in API}


@pytest.mark.parametrize("route", ALL, ids=name)
def test_every_route_says_whom_it_lets_in(route: Route) -> None:
    """An API view by its permission class, a page by its decorator; what is open is listed above."""
    if route.view_class is not None:
        assert AccountPermission in route.view_class.permission_classes
        assert route.access is not Access.OPEN or route.path in BY_STATE, "open to all without being listed as such"
    else:
        assert route.access is Access.ACCOUNT or route.path == "", "a plain view without @page or the framework"


@pytest.mark.parametrize("route", ALL, ids=name)
def test_strangers_are_sent_away(route: Route, cast: Cast) -> None:
    for method in route.methods():
        answer = call(None, method, route.url())
        if route.is_page:
            assert answer.status_code == 302
            assert answer["Location"].startswith(("/login/", "/app/"))
        else:
            assert answer.status_code == 401
            assert answer.json()["detail"]


@each_call
def test_a_role_that_is_too_low_is_refused(route: Route, method: str, cast: Cast) -> None:
    people = {Role.VIEWER: cast.vera, Role.STAFF: cast.sam}
    for role, user in people.items():
        if not role.covers(route.needs(method)):
            answer = call(user, method, route.url())
            assert answer.status_code == 403
            assert answer.json()["detail"]


@each_call
def test_writing_is_for_staff_at_least(route: Route, method: str) -> None:
    if method != "GET":
        assert route.needs(method).covers(Role.STAFF)


@each_call
def test_connecting_is_for_owners(route: Route, method: str) -> None:
    assert (route.needs(method) is Role.OWNER) == (route.path in FOR_OWNERS)


@each_call
def test_anothers_account_is_as_absent(route: Route, method: str, cast: Cast) -> None:
    answer = call(cast.alice, method, route.url(), account=cast.beta)
    assert answer.status_code == 404
    assert answer.json()["detail"]


@each_call
def test_a_senseless_account_is_refused(route: Route, method: str, cast: Cast) -> None:
    for nonsense in ("1", "not-a-uuid", "%00", "0" * 32):
        answer = client(cast.alice).generic(method, f"{route.url()}?userAccountId={nonsense}")
        assert answer.status_code in (400, 404)
        assert answer.json()["detail"]


@each_call
def test_one_of_several_accounts_must_be_named(route: Route, method: str, cast: Cast) -> None:
    if route.needs(method) is not Role.OWNER:
        assert call(cast.dora, method, route.url()).status_code == 400


@pytest.mark.parametrize(("route", "method"), [call for call in CALLS if call[0].has_row], ids=name)
def test_anothers_rows_are_as_absent_and_stay_as_they_are(route: Route, method: str, cast: Cast) -> None:
    before = _fill(cast.beta)
    answer = call(cast.alice, method, route.url())
    assert answer.status_code == 404
    assert answer.json()["detail"]
    assert rows_of_account(cast.beta) == before


@pytest.mark.parametrize("route", [route for route, method in CALLS if method == "GET" and not route.has_row], ids=name)
def test_members_and_superusers_may_read(route: Route, cast: Cast) -> None:
    if Role.VIEWER.covers(route.needs("GET")):
        assert call(cast.vera, "GET", route.url()).status_code not in (401, 403, 404)
    assert call(cast.root, "GET", route.url(), account=cast.beta).status_code not in (401, 403, 404)


@pytest.mark.parametrize(
    "route", [route for route in ALL if route.access is Access.ACCOUNT and route.is_page], ids=name
)
def test_pages_of_anothers_account_are_absent(route: Route, cast: Cast) -> None:
    assert call(cast.alice, "GET", route.url(), account=cast.beta).status_code == 404


def _tenant_models() -> list[type[Model]]:
    """Models with an account and a number for an id."""
    ours = ("leads", "analytics", "integrations")
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in ours
        and any(field.name == "user_account" for field in model._meta.fields)
        and model._meta.pk is not None
        and model._meta.pk.get_internal_type() == "BigAutoField"
        and model.__name__ != "Membership"
    ]


def _fill(account: UserAccount) -> dict[str, Any]:
    """One row of each model, all with the same id, so that each route meets a foreign row of whatever it serves."""
    for model in _tenant_models():
        _make(model, account)
    return rows_of_account(account)


def _make(model: type[Model], account: UserAccount) -> Model:
    made = model._base_manager.filter(pk=FOREIGN_ID).first()
    if made is not None:
        return made
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.name == "user_account":
            values[field.name] = account
        elif field.is_relation and field.related_model in _tenant_models() and field.related_model is not model:
            values[field.name] = _make(field.related_model, account)
        elif not field.null and not field.has_default() and not field.has_db_default():
            kind = field.get_internal_type()
            if kind in PLAUSIBLE:
                values[field.name] = PLAUSIBLE[kind]
    return model._base_manager.create(**(values | {"id": FOREIGN_ID}))


def rows_of_account(account: UserAccount) -> dict[str, Any]:
    return {
        model.__name__: list(model._base_manager.filter(user_account=account).order_by("pk").values())
        for model in _tenant_models()
    }


def test_every_form_of_a_page_says_whose_it_is() -> None:
    """What the session remembers may be another account by now, chosen in another tab."""
    # What was typed before a login has it among its fields.
    of_nobody = re.compile(r"{% url '(login|logout|page-language)' %}|{{ typed.address }}")
    templates = Path(settings.BASE_DIR, "templates", "pages").glob("*.html")
    forms = [
        form
        for template in templates
        for form in re.findall(r'<form[^>]*method="post".*?</form>', template.read_text(), re.DOTALL)
    ]
    assert len(forms) > 15
    assert [form for form in forms if not of_nobody.search(form) and '"pages/_token.html"' not in form] == []
