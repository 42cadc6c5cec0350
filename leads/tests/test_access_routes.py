"""Every route of the product, walked by everybody. A new endpoint is walked from the day it exists."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Model

from leads.access import Access, AccountPermission
from leads.models import Role, User, UserAccount
from leads.tests.cast import Cast, client
from leads.tests.routes import ALL, API, FOREIGN_ID, Route, rows_of_account, tenant_models

pytestmark = pytest.mark.django_db

# Its account is that of the single-use `state`; strangers are sent away all the same.
BY_STATE = {"amocrm/callback"}
FOR_OWNERS = {"amocrm/auth", "amocrm/disconnect"}
PLAUSIBLE: dict[str, Any] = {
    "BigIntegerField": 7,
    "IntegerField": 7,
    "PositiveIntegerField": 7,
    "DecimalField": Decimal("1.00"),
    "DateField": date(2026, 3, 1),
    "DateTimeField": datetime(2026, 3, 1, tzinfo=UTC),
    "BinaryField": b"body",
}


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


def _fill(account: UserAccount) -> dict[str, Any]:
    """One row of each model, all with the same id, so that each route meets a foreign row of whatever it serves."""
    for model in tenant_models():
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
        elif field.is_relation and field.related_model in tenant_models() and field.related_model is not model:
            values[field.name] = _make(field.related_model, account)
        elif not field.null and not field.has_default() and not field.has_db_default():
            kind = field.get_internal_type()
            if kind in PLAUSIBLE:
                values[field.name] = PLAUSIBLE[kind]
    return model._base_manager.create(**(values | {"id": FOREIGN_ID}))


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
