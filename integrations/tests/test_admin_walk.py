"""Every page of the admin, as everybody. A page that is registered later is walked too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.forms import ChoiceField
from django.urls import reverse

from analytics.models import ReferralConversion, ReferralEarning, Targetologist
from integrations.models import AmoCRMConnection, LeadPush, MetaPull, SaleNotification, SyncRun, WebhookLog
from integrations.tests.admin_world import World, address, build
from leads.admin.base import AccountScopedAdmin, OnePerAccountAdmin, SuperuserOnly
from leads.models import Creative, Direction, Lead, LeadStatusHistory, PipelineStage, User, UserAccount

pytestmark = pytest.mark.django_db

PAGES = dict(admin.site._registry)
TENANT = [model for model, page in PAGES.items() if isinstance(page, AccountScopedAdmin)]
ONE_PER_ACCOUNT = [model for model, page in PAGES.items() if isinstance(page, OnePerAccountAdmin)]
INSTALLATION = [model for model in PAGES if model not in TENANT]
READ_ONLY: list[type[Model]] = [
    *(WebhookLog, AmoCRMConnection, SyncRun, LeadStatusHistory, SaleNotification, LeadPush, MetaPull),
    *(ReferralConversion, ReferralEarning),
]
MEMBERS = ("alice", "sam", "vera")


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One world for all tests of this module: what each of them changes is rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture
def world(built: World, db: None) -> World:
    return built


def by_name(model: type[Model]) -> str:
    return model._meta.label


def row(world: World, model: type[Model]) -> Any:
    """A row of Alfa's. A new page needs one in `admin_world`, or nobody would have walked it."""
    return world.rows[model]


def test_every_page_either_stays_within_accounts_or_is_for_the_superuser() -> None:
    assert all(isinstance(page, (AccountScopedAdmin, SuperuserOnly)) for page in PAGES.values())
    assert {Lead, UserAccount, WebhookLog, Creative, Direction, PipelineStage, Targetologist} <= set(TENANT)


@pytest.mark.parametrize("model", PAGES, ids=by_name)
def test_who_is_not_signed_in_is_sent_to_the_login(world: World, model: type[Model]) -> None:
    for page in ("changelist", "add"):
        answer = world.client("anonymous").get(address(model, page))
        assert (answer.status_code, "/login/" in answer["Location"]) == (302, True)


@pytest.mark.parametrize("model", PAGES, ids=by_name)
def test_the_superuser_opens_every_list_and_every_form(world: World, model: type[Model]) -> None:
    client = world.client("root")
    assert client.get(address(model, "changelist")).status_code == 200
    expected = 200 if PAGES[model].has_add_permission(_request("root")) else 403
    assert client.get(address(model, "add")).status_code == expected


@pytest.mark.parametrize("model", TENANT, ids=by_name)
def test_every_page_opens_where_nobody_knows_an_accounts_time_zone(world: World, model: type[Model]) -> None:
    UserAccount.objects.filter(pk=world.alfa.pk).update(timezone="Asia/Atlantis")
    for name in ("root", "alice"):
        client = world.client(name)
        assert client.get(address(model, "changelist")).status_code == 200
        assert client.get(address(model, "change", row(world, model).pk)).status_code == 200


@pytest.mark.parametrize("model", PAGES, ids=by_name)
def test_a_form_that_is_filled_in_wrongly_says_so(world: World, model: type[Model]) -> None:
    client = world.client("root")
    page = client.get(address(model, "add"))
    if page.status_code == 403:
        return  # nobody adds a row by hand
    form = page.context["adminform"].form
    fields = [name for name, field in form.fields.items() if not isinstance(field, ChoiceField)]
    for typed in ("", "x" * 5000, "a\0b"):
        answer = client.post(address(model, "add"), dict.fromkeys(fields, typed))
        assert answer.status_code == 200, repr(typed[:3])


@pytest.mark.parametrize("model", PAGES, ids=by_name)
def test_every_field_of_a_form_can_be_seen_and_begins_with_a_capital(world: World, model: type[Model]) -> None:
    page = world.client("root").get(address(model, "add"))
    if page.status_code == 403:
        return  # nobody adds a row by hand
    form = page.context["adminform"].form
    # The theme takes its border from whatever has no class of the theme.
    bare = [bound.name for bound in form.visible_fields() if 'class="' not in str(bound)]
    small = [bound.name for bound in form.visible_fields() if bound.label[:1].islower() and bound.name[:4] != "utm_"]
    assert (bare, small) == ([], [])


@pytest.mark.parametrize("model", ONE_PER_ACCOUNT, ids=by_name)
def test_settings_of_an_account_are_no_heap_to_be_deleted(world: World, model: type[Model]) -> None:
    assert "delete_selected" not in world.client("alice").get(address(model, "changelist")).content.decode()


@pytest.mark.parametrize("model", ONE_PER_ACCOUNT, ids=by_name)
def test_settings_that_are_there_are_changed_and_not_added_again(world: World, model: type[Model]) -> None:
    assert world.client("bob").get(address(model, "add")).status_code == 200
    client = world.client("alice")
    assert address(model, "add") not in client.get(address(model, "changelist")).content.decode()
    assert client.get(address(model, "add")).status_code == 403


def test_nobody_makes_up_an_attempt_to_sign_in(world: World) -> None:
    assert world.client("root").get(address(AccessAttempt, "add")).status_code == 403


@pytest.mark.parametrize("model", INSTALLATION, ids=by_name)
@pytest.mark.parametrize("name", [*MEMBERS, "bob"])
def test_people_tokens_and_the_schedule_are_closed_to_members(world: World, name: str, model: type[Model]) -> None:
    client = world.client(name)
    assert client.get(address(model, "changelist")).status_code == 403
    assert client.get(address(model, "add")).status_code == 403


@pytest.mark.parametrize("model", TENANT, ids=by_name)
@pytest.mark.parametrize("name", [*MEMBERS, "root"])
def test_members_read_every_row_of_their_account(world: World, name: str, model: type[Model]) -> None:
    client = world.client(name)
    listed = client.get(address(model, "changelist"))
    assert listed.status_code == 200
    assert address(model, "change", row(world, model).pk) in listed.content.decode()
    assert "Show all" not in listed.content.decode(), "the list is shown whole already"
    assert client.get(address(model, "change", row(world, model).pk)).status_code == 200


@pytest.mark.parametrize("model", TENANT, ids=by_name)
def test_a_foreign_owner_finds_nothing_of_another_account(world: World, model: type[Model]) -> None:
    client, pk = world.client("bob"), row(world, model).pk
    assert "ALFAWORLD" not in client.get(address(model, "changelist")).content.decode()
    for page in ("change", "delete", "history"):
        answer = client.get(address(model, page, pk), follow=True)
        assert "ALFAWORLD" not in answer.content.decode()
    before = everything(model)
    client.post(address(model, "change", pk), {"name": "stolen"})
    client.post(address(model, "delete", pk), {"post": "yes"})
    for action in PAGES[model].get_actions(_request("root")):
        client.post(address(model, "changelist"), {"action": action, "_selected_action": [pk], "post": "yes"})
    assert everything(model) == before


@pytest.mark.parametrize("model", TENANT, ids=by_name)
def test_what_is_no_rows_id_leads_to_no_row(world: World, model: type[Model]) -> None:
    client = world.client("alice")
    assert client.get(address(model, "change", "no/id")).status_code == 302
    assert client.get(address(model, "history", "no/id")).status_code == 302


@pytest.mark.parametrize("model", TENANT, ids=by_name)
def test_a_viewer_changes_nothing(world: World, model: type[Model]) -> None:
    client, pk = world.client("vera"), row(world, model).pk
    assert client.get(address(model, "add")).status_code == 403
    before = everything(model)
    assert client.post(address(model, "change", pk), {"name": "changed"}).status_code == 403
    assert client.post(address(model, "delete", pk), {"post": "yes"}).status_code == 403
    for action in PAGES[model].get_actions(_request("root")):
        client.post(address(model, "changelist"), {"action": action, "_selected_action": [pk], "post": "yes"})
    assert everything(model) == before


@pytest.mark.parametrize("model", [Direction, Creative, Targetologist], ids=by_name)
@pytest.mark.parametrize("name", ["alice", "sam"])
def test_staff_and_owners_add_and_delete_advertising(world: World, name: str, model: type[Model]) -> None:
    client = world.client(name)
    typed = {"name": "New", "user_account": str(world.alfa.pk), "position": "7"}
    assert client.post(address(model, "add"), typed).status_code == 302
    added = model._default_manager.get(name="New")
    assert added.user_account == world.alfa  # type: ignore[attr-defined]
    assert client.post(address(model, "delete", added.pk), {"post": "yes"}).status_code == 302
    assert not model._default_manager.filter(name="New").exists()


@pytest.mark.parametrize("model", [Direction, Creative, Targetologist], ids=by_name)
def test_nobody_adds_a_row_to_another_account(world: World, model: type[Model]) -> None:
    typed = {"name": "New", "user_account": str(world.alfa.pk), "position": "7"}
    assert world.client("bob").post(address(model, "add"), typed).status_code == 200  # the form, with its error
    assert not model._default_manager.filter(name="New").exists()


@pytest.mark.parametrize("model", READ_ONLY, ids=by_name)
@pytest.mark.parametrize("name", ["alice", "root"])
def test_what_the_product_writes_is_changed_by_nobody(world: World, name: str, model: type[Model]) -> None:
    client, pk = world.client(name), row(world, model).pk
    before = everything(model)
    assert client.get(address(model, "add")).status_code == 403
    assert client.post(address(model, "change", pk), {}).status_code == 403
    assert client.post(address(model, "delete", pk), {"post": "yes"}).status_code == 403
    assert everything(model) == before


def test_choices_of_forms_and_filters_are_of_the_visitors_accounts(world: World) -> None:
    client = world.client("bob")
    for page in (address(Creative, "add"), address(Lead, "changelist"), address(WebhookLog, "changelist")):
        assert "ALFAWORLD" not in client.get(page).content.decode()
    asked = {"app_label": "leads", "model_name": "creative", "field_name": "direction", "term": "ALFAWORLD"}
    assert client.get(reverse("admin:autocomplete"), asked).json()["results"] == []


@pytest.mark.parametrize(
    "question",
    [
        "raw_body__contains=ALFAWORLD",
        "user_account__name__startswith=A",
        "user_account__memberships__user__password__gt=a",
    ],
)
def test_a_list_answers_only_the_questions_it_offers(world: World, question: str) -> None:
    assert world.client("alice").get(f"{address(WebhookLog, 'changelist')}?{question}").status_code in (302, 400)


def test_a_person_of_two_accounts_does_not_mix_their_rows(world: World) -> None:
    bob = User.objects.get(email="bob@x.kz")
    bob.memberships.create(user_account=world.alfa, role="staff")
    typed = {"name": "Mixed", "user_account": str(world.bravo.pk), "direction": str(row(world, Direction).pk)}
    answer = world.client("bob").post(address(Creative, "add"), typed)
    assert "belongs to another account" in answer.content.decode()
    assert not Creative.objects.filter(name="Mixed").exists()


def test_a_role_in_one_account_gives_no_power_in_another(world: World) -> None:
    """Bob owns Bravo and only looks at Alfa: its rows stay as they are, by form, by list and by action."""
    User.objects.get(email="bob@x.kz").memberships.create(user_account=world.alfa, role="viewer")
    client, stage, direction = world.client("bob"), row(world, PipelineStage), row(world, Direction)
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(stage.pk), "_save": "1"}
    answer = client.post(address(PipelineStage, "changelist"), form | {"form-0-is_qualified_stage": "on"})
    assert answer.status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [direction.pk], "post": "yes"}
    client.post(address(Direction, "changelist"), chosen)
    chosen = {"action": "replay_selected", "_selected_action": [row(world, WebhookLog).pk]}
    client.post(address(WebhookLog, "changelist"), chosen)
    stage.refresh_from_db()
    assert not stage.is_qualified_stage
    assert Direction.objects.filter(pk=direction.pk).exists()
    assert WebhookLog.objects.get(pk=row(world, WebhookLog).pk).processing_status == "error"


# --- Helpers ---


def _request(name: str) -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(email=f"{name}@x.kz")
    return request


def everything(model: type[Model]) -> list[dict[str, Any]]:
    return list(model._default_manager.order_by("pk").values())
