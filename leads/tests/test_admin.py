"""The core's pages: accounts with their members, stages, leads."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads.admin import members
from leads.deals.apply import lock_account
from leads.models import (
    Creative,
    Direction,
    Lead,
    LeadStatusHistory,
    Membership,
    PipelineStage,
    Role,
    User,
    UserAccount,
)
from leads.tests.world import others_first

pytestmark = pytest.mark.django_db

LEADS = "/admin/leads/lead/"
STAGES = "/admin/leads/pipelinestage/"


@pytest.fixture
def account() -> UserAccount:
    return UserAccount.objects.create(name="Alfa")


@pytest.fixture
def owner(account: UserAccount) -> Client:
    return signed_in(account, "alice@x.kz", Role.OWNER)


def signed_in(account: UserAccount, email: str, role: Role) -> Client:
    user = User.objects.create_user(email, "pw", is_staff=True)
    Membership.objects.create(user=user, user_account=account, role=role)
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


# --- Accounts and members ---


def members_form(account: UserAccount, *rows: dict[str, str]) -> dict[str, str]:
    """What the account's page posts: the present members as they are, then rows to add or overwrite."""
    present = [
        {"id": str(member.pk), "role": member.role, "email": member.user.email}
        for member in account.memberships.select_related("user").order_by("id")
    ]
    merged = [*present]
    for row in rows:
        index = next((n for n, known in enumerate(merged) if row.get("id") and known["id"] == row["id"]), None)
        merged = [*merged, row] if index is None else [*merged[:index], merged[index] | row, *merged[index + 1 :]]
    form = {"memberships-TOTAL_FORMS": str(len(merged)), "memberships-INITIAL_FORMS": str(len(present))}
    form |= {f"memberships-{n}-{key}": value for n, row in enumerate(merged) for key, value in row.items()}
    return form | {"name": account.name, "phone_region": "KZ", "timezone": "Asia/Almaty", "currency": "KZT"}


def save_account(client: Client, account: UserAccount, **values: str) -> Any:
    form = {"utm_mapping": "{}"} | values
    return client.post(f"/admin/leads/useraccount/{account.pk}/change/", form)


def test_an_owner_adds_a_new_person_with_a_first_password(account: UserAccount, owner: Client) -> None:
    row = {"email": "New@X.kz", "role": "viewer", "password": "a-long-secret-1"}
    assert save_account(owner, account, **members_form(account, row)).status_code == 302
    added = account.memberships.get(user__email="new@x.kz")
    assert (added.role, added.user.is_staff) == ("viewer", True)
    assert added.user.check_password("a-long-secret-1")


def test_a_known_person_joins_and_keeps_their_password(account: UserAccount, owner: Client) -> None:
    User.objects.create_user("known@x.kz", "theirs")
    row = {"email": "known@x.kz", "role": "staff", "password": "mine-now-1234"}
    assert save_account(owner, account, **members_form(account, row)).status_code == 302
    assert account.memberships.get(user__email="known@x.kz").user.check_password("theirs")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"email": "new@x.kz", "role": "staff"}, "give a first password"),
        ({"email": "new@x.kz", "role": "staff", "password": "123"}, "too short"),
        ({"email": "alice@x.kz", "role": "staff"}, "Already a member"),
        ({"email": "no address", "role": "staff"}, "valid email"),
    ],
)
def test_a_member_who_cannot_be_added_is_said_why(
    account: UserAccount, owner: Client, row: dict[str, str], said: str
) -> None:
    answer = save_account(owner, account, **members_form(account, row))
    assert said in answer.content.decode()
    assert account.memberships.count() == 1


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"DELETE": "on"}])
def test_the_last_owner_stays(account: UserAccount, owner: Client, change: dict[str, str]) -> None:
    row = {"id": str(account.memberships.get().pk)} | change
    answer = save_account(owner, account, **members_form(account, row))
    assert "at least one owner" in answer.content.decode()
    assert account.memberships.get().role == "owner"


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"DELETE": "on"}])
def test_of_two_owners_who_remove_each_other_at_once_one_stays(
    account: UserAccount, owner: Client, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    bob = Membership.objects.create(
        user=User.objects.create_user("bob@x.kz", "pw"), user_account=account, role=Role.OWNER
    )
    form = members_form(account, {"id": str(bob.pk)} | change)
    others_first(monkeypatch, members, lambda: Membership.objects.exclude(pk=bob.pk).update(role=Role.STAFF))
    assert "at least one owner" in save_account(owner, account, **form).content.decode()
    assert account.memberships.get(role="owner") == bob


def test_staff_change_the_account_but_neither_see_nor_change_its_members(account: UserAccount, owner: Client) -> None:
    staff = signed_in(account, "sam@x.kz", Role.STAFF)
    page = staff.get(f"/admin/leads/useraccount/{account.pk}/change/").content.decode()
    assert "alice@x.kz" not in page
    row = {"email": "new@x.kz", "role": "owner", "password": "a-long-secret-1"}
    form = members_form(account, row) | {"name": "Renamed"}
    assert save_account(staff, account, **form).status_code == 302
    account.refresh_from_db()
    assert (account.name, account.memberships.count()) == ("Renamed", 2)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ('{"Источник": "utm_source"}', None),
        ("[]", None),
        ('["utm_source"]', "Write an object"),
        ('{"Источник": "source"}', "is mapped to"),
        ("{broken", "valid JSON"),
    ],
)
def test_a_utm_mapping_is_checked(account: UserAccount, owner: Client, mapping: str, said: str | None) -> None:
    answer = save_account(owner, account, **members_form(account) | {"utm_mapping": mapping})
    assert answer.status_code == (302 if said is None else 200)
    assert said is None or said in answer.content.decode()


# --- Stages ---


def test_each_stages_box_has_a_name_of_its_own_for_a_screen_reader(account: UserAccount, owner: Client) -> None:
    PipelineStage.objects.create(
        user_account=account, pipeline_id=1, pipeline_name="Sales", status_id=5, status_name="Talks"
    )
    page = owner.get(STAGES).content.decode()
    box = next(tag for tag in re.findall(r"<input[^>]*>", page) if "form-0-is_qualified_stage" in tag)
    assert 'aria-label="Sales · Talks: Qualified"' in box


def test_marking_a_stage_in_the_list_recounts_leads_and_says_how_many(account: UserAccount, owner: Client) -> None:
    stage = PipelineStage.objects.create(user_account=account, pipeline_id=1, status_id=5, status_name="Talks")
    for deal in range(3):
        lead = Lead.objects.create(
            user_account=account, amocrm_lead_id=deal, current_pipeline_id=1, current_status_id=5
        )
        LeadStatusHistory.objects.create(
            user_account=account,
            lead=lead,
            amocrm_lead_id=deal,
            to_pipeline_id=1,
            to_status_id=5,
            changed_at=datetime(2026, 3, 1, tzinfo=UTC),
        )
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(stage.pk), "_save": "1"}
    answer = owner.post(STAGES, form | {"form-0-is_qualified_stage": "on"})
    assert any("3 leads changed" in str(message) for message in get_messages(answer.wsgi_request))
    assert Lead.objects.filter(is_qualified=True).count() == 3


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"delivery_id": 17, "action": "status"}, "доставка #17 status"),
        ({"sync_run_id": 3, "action": "sync"}, "синхронизация #3"),
    ],
)
def test_what_told_of_a_stage_is_said_in_the_readers_language(
    account: UserAccount, owner: Client, evidence: dict[str, Any], said: str
) -> None:
    lead = Lead.objects.create(user_account=account, amocrm_lead_id=1)
    LeadStatusHistory.objects.create(
        user_account=account,
        lead=lead,
        amocrm_lead_id=1,
        to_pipeline_id=1,
        to_status_id=5,
        changed_at=datetime(2026, 3, 1, tzinfo=UTC),
        webhook_data=evidence,
    )
    page = owner.get(f"{LEADS}{lead.pk}/change/", headers={"accept-language": "ru"}).content.decode()
    told = re.search(r"источник: (.*?)</span>\s*</li>", page, re.DOTALL)
    assert told
    assert " ".join(re.sub("<[^>]*>", " ", told[1]).split()) == said


def test_a_leads_pipeline_is_named_as_it_is_called_now(account: UserAccount, owner: Client) -> None:
    for number, name, is_archived in ((5, "Before", True), (6, "Today", False)):
        PipelineStage.objects.create(
            user_account=account, pipeline_id=1, pipeline_name=name, status_id=number, is_archived=is_archived
        )
    lead = Lead.objects.create(user_account=account, amocrm_lead_id=1, current_pipeline_id=1, current_status_id=142)
    page = owner.get(f"{LEADS}{lead.pk}/change/").content.decode()
    assert "Today" in page
    assert "Before" not in page


def test_stages_are_listed_with_their_leads_by_a_fixed_number_of_statements(
    account: UserAccount, owner: Client, django_assert_max_num_queries: Any
) -> None:
    PipelineStage.objects.bulk_create(
        PipelineStage(user_account=account, pipeline_id=1, status_id=number, status_name=f"S{number}")
        for number in range(60)
    )
    Lead.objects.create(user_account=account, current_pipeline_id=1, current_status_id=7)
    owner.get(STAGES)
    with django_assert_max_num_queries(12):
        page = owner.get(STAGES).content.decode()
    assert "S59" in page


# --- Leads ---


@pytest.fixture
def lead(account: UserAccount) -> Lead:
    return Lead.objects.create(
        user_account=account, name="Айгерим Сатпаева", phone="8 (701) 123-45-67", phone_e164="+77011234567",
        amocrm_lead_id=26000001,
    )  # fmt: skip


@pytest.mark.parametrize(
    "term", ["8 701 123 45 67", "+7 (701) 123-45-67", "77011234567@s.whatsapp.net", "26000001", "Айгерим", "айгерим"]
)
def test_a_lead_is_found_by_any_spelling_of_its_phone_its_deal_and_its_name(
    lead: Lead, owner: Client, term: str
) -> None:
    assert f"{LEADS}{lead.pk}/change/" in owner.get(LEADS, {"q": term}).content.decode()


@pytest.mark.parametrize("term", ["8 701 123 45 68", "260", "Сатпаева", "%"])
def test_what_is_something_else_is_not_found(lead: Lead, owner: Client, term: str) -> None:
    assert f"{LEADS}{lead.pk}/change/" not in owner.get(LEADS, {"q": term}).content.decode()


def test_the_list_of_leads_costs_a_fixed_number_of_statements(
    account: UserAccount, owner: Client, django_assert_max_num_queries: Any
) -> None:
    direction = Direction.objects.create(user_account=account, name="AI")
    Lead.objects.bulk_create(Lead(user_account=account, name=f"L{number}", direction=direction) for number in range(80))
    owner.get(LEADS)
    with django_assert_max_num_queries(14):
        owner.get(LEADS)


def test_a_creative_brings_its_direction_and_nothing_else_is_written(lead: Lead, owner: Client) -> None:
    direction = Direction.objects.create(user_account=lead.user_account, name="AI")
    creative = Creative.objects.create(user_account=lead.user_account, name="Video", direction=direction)
    Lead.objects.filter(pk=lead.pk).update(price=500, current_status_id=142)
    form = {"name": lead.name, "creative": str(creative.pk), "direction": "", "price": "1", "phone": "000"}
    assert owner.post(f"{LEADS}{lead.pk}/change/", form).status_code == 302
    lead.refresh_from_db()
    assert (lead.creative, lead.direction, str(lead.price)) == (creative, direction, "500.00")
    assert lead.phone == "8 (701) 123-45-67"
    assert lead.current_status_id == 142


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_action", [False, True])
def test_a_creative_may_be_deleted_while_a_drain_writes_its_leads(
    account: UserAccount, owner: Client, is_action: bool
) -> None:
    creative = Creative.objects.create(user_account=account, name="Video")
    first, second = (Lead.objects.create(user_account=account, creative=creative) for _ in range(2))
    chosen = {"action": "delete_selected", "_selected_action": str(creative.pk)} if is_action else {}
    path = "/admin/leads/creative/" + ("" if is_action else f"{creative.pk}/delete/")

    def delete() -> int:
        try:
            return owner.post(path, {"post": "yes", **chosen}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            lock_account(account)
            Lead.objects.filter(pk=second.pk).update(name="B")
            deleting = other.submit(delete)
            wait([deleting], timeout=0.5)  # it has to wait for the account
            Lead.objects.filter(pk=first.pk).update(name="A")
        assert deleting.result(timeout=60) == 302
    assert set(Lead.objects.filter(creative=None).values_list("name", flat=True)) == {"A", "B"}


def test_a_creative_moved_to_another_direction_takes_its_leads_along(lead: Lead, owner: Client) -> None:
    first, second = (Direction.objects.create(user_account=lead.user_account, name=name) for name in ("AI", "SMM"))
    creative = Creative.objects.create(user_account=lead.user_account, name="Video", direction=first)
    Lead.objects.filter(pk=lead.pk).update(creative=creative, direction=first)
    form = {"name": "Video", "direction": str(second.pk), "external_ad_id": ""}
    assert owner.post(f"/admin/leads/creative/{creative.pk}/change/", form).status_code == 302
    lead.refresh_from_db()
    assert lead.direction == second


@pytest.mark.parametrize(
    "query", ["stage=1:5", "stage=x", "source__exact=website", "of_direction=x", "is_deleted__exact=1"]
)
def test_filters_take_any_value(lead: Lead, owner: Client, query: str) -> None:
    assert owner.get(f"{LEADS}?{query}").status_code in (200, 302)


# --- Deleting ---


def test_who_deletes_creatives_is_told_which_leads_lose_them(account: UserAccount, owner: Client) -> None:
    video, photo = (Creative.objects.create(user_account=account, name=name) for name in ("Video", "Photo"))
    for creative in (video, video, photo):
        Lead.objects.create(user_account=account, creative=creative)
    form = {"action": "delete_selected", "_selected_action": [video.pk, photo.pk]}
    asked = owner.post("/admin/leads/creative/", form).content.decode()
    assert "Leads: <strong>3</strong>" in asked
    assert "Leads: <strong>2</strong>" in owner.get(f"/admin/leads/creative/{video.pk}/delete/").content.decode()
    owner.post("/admin/leads/creative/", form | {"post": "yes"})
    assert not Creative.objects.exists()
    assert Lead.objects.filter(creative=None).count() == 3


def test_the_button_that_deletes_declines_no_name(account: UserAccount, owner: Client) -> None:
    direction = Direction.objects.create(user_account=account, name="Dental")
    page = owner.get(
        f"/admin/leads/direction/{direction.pk}/change/?_changelist_filters=q%3DD", headers={"accept-language": "ru"}
    ).content.decode()
    buttons = re.findall(rf'href="[^"]*/{direction.pk}/delete/([^"]*)"[^>]*>\s*([^<]*?)\s*</a>', page)
    assert buttons == [("?_changelist_filters=q%3DD", "Удалить")]


# --- Lists ---


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_list_says_how_many_without_declining_the_name(account: UserAccount, owner: Client, count: int) -> None:
    for number in range(count):
        Direction.objects.create(user_account=account, name=f"No. {number}")
    page = owner.get("/admin/leads/direction/", headers={"accept-language": "ru"}).content.decode()
    assert f"Направления: {count}" in page


def test_an_empty_list_offers_to_reset_only_what_was_asked_for(account: UserAccount, owner: Client) -> None:
    assert "Nothing here yet" in owner.get("/admin/leads/direction/").content.decode()
    assert "Nothing here yet" not in owner.get("/admin/leads/direction/?q=x").content.decode()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL chooses by what its statistics say")
@pytest.mark.parametrize("is_superuser", [False, True])
def test_the_history_is_listed_off_an_index(account: UserAccount, owner: Client, is_superuser: bool) -> None:
    User.objects.update(is_superuser=is_superuser)
    with CaptureQueriesContext(connection) as asked:
        owner.get("/admin/leads/leadstatushistory/")
    [listed] = [
        one["sql"] for one in asked if ' FROM "amocrm_lead_status_history"' in one["sql"] and "LIMIT" in one["sql"]
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {listed}")
        assert "TEMP B-TREE" not in str(cursor.fetchall())
