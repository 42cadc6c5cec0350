from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from leads.access import account_of, page, role_of
from leads.models import Creative, Direction, Lead, Membership, Role, User
from leads.services.accounts import token_create
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db


def test_a_token_opens_what_a_session_does(cast: Cast) -> None:
    caller = APIClient(HTTP_AUTHORIZATION=f"Token {token_create(cast.vera)}")
    assert caller.get("/leads").status_code == 200


def test_a_wrong_token_is_401(cast: Cast) -> None:
    answer = APIClient(HTTP_AUTHORIZATION="Token 0123").get("/leads")
    assert answer.status_code == 401
    assert answer.json()["detail"]


def test_a_session_writes_only_with_its_csrf_token(cast: Cast) -> None:
    answer = client(cast.sam, enforce_csrf_checks=True).post("/directions", {"name": "Autumn"})
    assert answer.status_code == 403
    assert "X-CSRFToken" in answer.json()["detail"]
    assert not Direction.objects.exists()


def test_what_a_session_lacks_is_said_in_the_persons_language(cast: Cast) -> None:
    answer = client(cast.sam, enforce_csrf_checks=True).post("/directions", HTTP_ACCEPT_LANGUAGE="ru")
    assert answer.json()["detail"].startswith("Сессия")


def test_who_has_one_account_need_not_name_it(cast: Cast) -> None:
    Lead.objects.create(user_account=cast.alpha, name="Aigul")
    Lead.objects.create(user_account=cast.beta, name="Boris")
    names = [lead["name"] for lead in client(cast.vera).get("/leads").json()["results"]]
    assert names == ["Aigul"]


def test_head_is_for_whom_get_is(cast: Cast) -> None:
    assert client(cast.vera).head("/leads").status_code == 200
    assert client(cast.sam).head("/amocrm/auth?subdomain=demo").status_code == 403


@pytest.mark.parametrize("body_format", ["json", "multipart"])
def test_the_account_may_be_named_in_the_body(cast: Cast, body_format: str) -> None:
    answer = client(cast.dora).post(
        "/directions", {"name": "Autumn", "userAccountId": str(cast.beta.pk)}, format=body_format
    )
    assert answer.status_code == 201
    assert Direction.objects.get().user_account == cast.beta


@pytest.mark.parametrize("body_format", ["json", "multipart"])
def test_anothers_account_in_the_body_is_404(cast: Cast, body_format: str) -> None:
    body = {"name": "Autumn", "userAccountId": str(cast.beta.pk)}
    assert client(cast.alice).post("/directions", body, format=body_format).status_code == 404
    assert not Direction.objects.exists()


@pytest.mark.parametrize("nonsense", [7, True, ["a"], {"a": 1}, "x", "\x00"])
def test_a_senseless_account_in_the_body_is_400(cast: Cast, nonsense: object) -> None:
    answer = client(cast.alice).post("/directions", {"name": "Autumn", "userAccountId": nonsense})
    assert answer.status_code == 400
    assert "userAccountId" in answer.json()["detail"]


def test_two_different_accounts_in_one_request_are_400(cast: Cast) -> None:
    body = {"name": "Autumn", "userAccountId": str(cast.alpha.pk)}
    assert client(cast.dora).post(f"/directions?userAccountId={cast.beta.pk}", body).status_code == 400


@pytest.mark.parametrize("body", ["[1]", "null", '"text"', "[]"])
def test_a_body_that_is_no_object_is_400_and_not_a_crash(cast: Cast, body: str) -> None:
    answer = client(cast.sam).generic("POST", "/leads", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_broken_body_of_a_stranger_is_401(cast: Cast) -> None:
    assert client().generic("POST", "/leads", "{", content_type="application/json").status_code == 401


def test_who_belongs_nowhere_is_told_so(cast: Cast) -> None:
    nobody = User.objects.create_user("new@example.com", "secret-7")
    answer = client(nobody).get("/leads")
    assert answer.status_code == 403
    assert "account" in answer.json()["detail"]


def test_a_superuser_sees_an_account_they_are_no_member_of(cast: Cast) -> None:
    Lead.objects.create(user_account=cast.beta, name="Boris")
    answer = client(cast.root).get(f"/leads?userAccountId={cast.beta.pk}")
    assert [lead["name"] for lead in answer.json()["results"]] == ["Boris"]
    assert client(cast.root).get("/leads").status_code == 400


def test_an_account_that_never_was_is_404_for_a_superuser_too(cast: Cast) -> None:
    assert client(cast.root).get(f"/leads?userAccountId={uuid.uuid4()}").status_code == 404


def test_who_left_an_account_is_out_at_once(cast: Cast) -> None:
    caller = client(cast.sam)
    assert caller.get("/leads").status_code == 200
    Membership.objects.get(user=cast.sam).delete()
    assert caller.get(f"/leads?userAccountId={cast.alpha.pk}").status_code == 404


@pytest.mark.parametrize("key", ["creative_id", "direction_id"])
@pytest.mark.parametrize("pk", [None, 2**63 - 1, 2**70, 0, -1, "x"])
def test_anothers_row_in_a_body_is_400_like_one_that_never_was(cast: Cast, key: str, pk: object) -> None:
    direction = Direction.objects.create(user_account=cast.beta, name="Theirs")
    creative = Creative.objects.create(user_account=cast.beta, name="Theirs", direction=direction)
    foreign = {"creative_id": creative.pk, "direction_id": direction.pk}[key]
    answer = client(cast.sam).post("/leads", {"name": "Aigul", key: foreign if pk is None else pk})
    assert answer.status_code == 400
    assert key in answer.json()["fields"]
    assert not Lead.objects.exists()


def test_anothers_direction_is_no_home_for_a_creative(cast: Cast) -> None:
    theirs = Direction.objects.create(user_account=cast.beta, name="Theirs")
    mine = Creative.objects.create(user_account=cast.alpha, name="Mine")
    assert client(cast.sam).post("/creatives", {"name": "New", "direction_id": theirs.pk}).status_code == 400
    assert client(cast.sam).patch(f"/creatives/{mine.pk}", {"direction_id": theirs.pk}).status_code == 400


# --- Pages ---


@page()
def looking(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{account_of(request).name} {role_of(request)}")


@page(Role.OWNER)
def owning(request: HttpRequest) -> HttpResponse:
    return HttpResponse("yours")


class Visitor:
    """Somebody who opens pages one after the other, in one session."""

    def __init__(self, user: User | None) -> None:
        self.user = user or AnonymousUser()
        self.session = Client().session

    def open(self, view: Callable[[HttpRequest], HttpResponseBase], query: str = "") -> str:
        request = RequestFactory().get(f"/app/{query}")
        request.user, request.session = self.user, self.session
        answer = view(request)
        return answer["Location"] if answer.status_code == 302 else getattr(answer, "content", b"").decode()


def test_a_page_sends_a_stranger_to_the_login_and_back() -> None:
    assert Visitor(None).open(looking, "?from=2026-01-01") == "/login/?next=/app/%3Ffrom%3D2026-01-01"


def test_a_page_shows_the_first_account_and_remembers_a_choice(cast: Cast) -> None:
    dora = Visitor(cast.dora)
    assert dora.open(looking) == "Alpha staff"
    assert dora.open(looking, f"?userAccountId={cast.beta.pk}") == "Beta staff"
    assert dora.open(looking) == "Beta staff"


def test_a_choice_is_forgotten_with_the_membership(cast: Cast) -> None:
    dora = Visitor(cast.dora)
    dora.open(looking, f"?userAccountId={cast.beta.pk}")
    Membership.objects.get(user=cast.dora, user_account=cast.beta).delete()
    assert dora.open(looking) == "Alpha staff"


@pytest.mark.parametrize("nonsense", ["1", "%00", "x"])
def test_a_page_of_a_senseless_account_is_absent(cast: Cast, nonsense: str) -> None:
    with pytest.raises(Http404):
        Visitor(cast.alice).open(looking, f"?userAccountId={nonsense}")


def test_a_page_of_anothers_account_is_absent(cast: Cast) -> None:
    with pytest.raises(Http404):
        Visitor(cast.alice).open(looking, f"?userAccountId={cast.beta.pk}")


def test_a_page_above_ones_role_is_refused(cast: Cast) -> None:
    assert Visitor(cast.alice).open(owning) == "yours"
    with pytest.raises(PermissionDenied):
        Visitor(cast.sam).open(owning)


def test_a_page_refuses_who_belongs_nowhere(cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        Visitor(User.objects.create_user("new@example.com", "secret-7")).open(looking)
