"""The page of stages: who may mark one as qualified, and what it changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from leads.models import Lead, LeadStatusHistory, PipelineStage, User
from leads.tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def talks(cast: Cast) -> PipelineStage:
    """A stage in which one lead stands."""
    made = PipelineStage.objects.create(
        user_account=cast.alpha, pipeline_id=1, pipeline_name="Sales", status_id=20, status_name="Talks"
    )
    lead = Lead.objects.create(
        user_account=cast.alpha, name="Dana", amocrm_lead_id=5, current_pipeline_id=1, current_status_id=20
    )
    LeadStatusHistory.objects.create(
        user_account=cast.alpha,
        lead=lead,
        amocrm_lead_id=5,
        to_pipeline_id=1,
        to_status_id=20,
        changed_at=datetime(2026, 3, 10, tzinfo=UTC),
    )
    return made


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def mark(client: Client, stage: PipelineStage, value: str = "true", **headers: Any) -> Any:
    return client.post(f"/app/stages/{stage.pk}/qualified", {"is_qualified_stage": value}, headers=headers)


def test_marking_a_stage_changes_its_leads_and_says_how_many(cast: Cast, talks: PipelineStage) -> None:
    row = mark(signed_in(cast.sam), talks, hx_request="true").content.decode()
    assert 'aria-checked="true"' in row
    assert "“Talks” now makes a lead qualified. 1 lead changed." in row
    assert Lead.objects.get().is_qualified
    row = mark(signed_in(cast.sam), talks, "false", hx_request="true").content.decode()
    assert 'aria-checked="false"' in row
    assert "“Talks” no longer makes a lead qualified. 1 lead changed." in row
    assert not Lead.objects.get().is_qualified


def test_thousands_of_leads_are_counted_as_the_language_groups_them(cast: Cast, talks: PipelineStage) -> None:
    lead = Lead.objects.get()
    made = Lead.objects.bulk_create(Lead(user_account=cast.alpha, name=str(number)) for number in range(1_233))
    told = lead.status_history.values("user_account_id", "to_pipeline_id", "to_status_id", "changed_at").get()
    stood = (LeadStatusHistory(lead=one, amocrm_lead_id=1_000 + one.pk, **told) for one in made)
    LeadStatusHistory.objects.bulk_create(stood)
    client = signed_in(cast.sam)
    assert "1,234 leads changed." in mark(client, talks, hx_request="true").content.decode()
    client.cookies["django_language"] = "ru"
    row = mark(client, talks, "false", hx_request="true").content.decode()
    assert re.search(r"Изменено 1\s234 лида|Изменены 1\s234 лида", row), row


def test_without_a_script_the_page_comes_back_with_the_message(cast: Cast, talks: PipelineStage) -> None:
    client = signed_in(cast.sam)
    assert mark(client, talks)["Location"] == "/app/stages"
    page = client.get("/app/stages").content.decode()
    assert "1 lead changed." in page
    assert 'aria-checked="true"' in page


def test_a_part_of_a_page_sends_the_whole_page_to_the_login(cast: Cast, talks: PipelineStage) -> None:
    answer = mark(Client(), talks, hx_request="true")
    assert answer["HX-Refresh"] == "true"
    assert answer.content == b""
    talks.refresh_from_db()
    assert not talks.is_qualified_stage


def test_a_viewer_sees_the_switch_and_cannot_move_it(cast: Cast, talks: PipelineStage) -> None:
    client = signed_in(cast.vera)
    assert 'role="switch"' in (page := client.get("/app/stages/").content.decode())
    assert " disabled>" in page
    assert mark(client, talks).status_code == 403
    talks.refresh_from_db()
    assert not talks.is_qualified_stage


def test_anothers_stage_is_absent(cast: Cast, talks: PipelineStage) -> None:
    assert mark(signed_in(cast.charlie), talks).status_code == 404
    talks.refresh_from_db()
    assert not talks.is_qualified_stage


def test_a_stranger_is_sent_to_the_login_and_afterwards_to_the_stages(cast: Cast, talks: PipelineStage) -> None:
    answer = mark(Client(), talks)
    assert answer["Location"].startswith("/login/?next=")
    assert signed_in(cast.sam).get(f"/app/stages/{talks.pk}/qualified")["Location"] == "/app/stages"


def test_marking_needs_the_csrf_token(cast: Cast, talks: PipelineStage) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.sam)
    assert mark(client, talks).status_code == 403


def test_leads_now_are_counted_without_the_deleted(cast: Cast, talks: PipelineStage) -> None:
    Lead.objects.create(user_account=cast.alpha, current_pipeline_id=1, current_status_id=20, is_deleted=True)
    page = signed_in(cast.vera).get("/app/stages").content.decode()
    assert "1 lead now" in page
    assert "/app/leads?stage=1:20" in page


def test_archived_stages_are_folded_away(cast: Cast, talks: PipelineStage) -> None:
    PipelineStage.objects.create(
        user_account=cast.alpha, pipeline_id=1, status_id=30, status_name="Old", is_archived=True
    )
    page = signed_in(cast.vera).get("/app/stages").content.decode()
    assert "1 archived stage" in page
    assert page.index('<details class="fold">') < page.index("Old")


@pytest.mark.parametrize("page", ["/app/stages", "/app/leads", "/app/funnel"])
def test_a_renamed_pipeline_has_its_new_name_also_where_an_archived_stage_comes_first(
    cast: Cast, talks: PipelineStage, page: str
) -> None:
    PipelineStage.objects.create(
        user_account=cast.alpha, pipeline_id=1, pipeline_name="Forsaken", status_id=3, sort_order=-1, is_archived=True
    )
    shown = signed_in(cast.vera).get(page).content.decode()
    assert "Sales" in shown
    assert "Forsaken" not in shown


def test_won_is_qualified_always(cast: Cast) -> None:
    PipelineStage.objects.create(user_account=cast.alpha, pipeline_id=1, status_id=142, status_name="Won")
    page = signed_in(cast.alice).get("/app/stages").content.decode()
    assert "always qualified" in page
    assert 'role="switch"' not in page


def test_an_account_without_pipelines_is_told_how_to_get_them(cast: Cast) -> None:
    assert "No pipelines have been read yet" in signed_in(cast.alice).get("/app/stages").content.decode()


def test_a_refusal_says_which_role_is_needed(cast: Cast, talks: PipelineStage) -> None:
    page = mark(signed_in(cast.vera), talks).content.decode()
    assert "this needs “staff”" in page


def test_who_belongs_nowhere_is_told_so() -> None:
    answer = signed_in(User.objects.create_user("nobody@example.com", "secret-7")).get("/app/")
    assert answer.status_code == 403
    assert "You are not a member of any account yet." in answer.content.decode()
