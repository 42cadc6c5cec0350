"""The dashboard: its figures, what it says of the connection, and what to do where there is nothing yet."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from analytics.models import AdSpend, Sale
from integrations.models import AmoCRMConnection, ConnectionState, Hook, Problem, ProcessingStatus, WebhookLog
from integrations.pages.condition import REMEDIES, TITLES
from leads.models import Lead, PipelineStage, User, UserAccount
from leads.tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(client: Client, cast: Cast) -> Client:
    client.force_login(cast.vera)
    return client


def lead(account: UserAccount, days_ago: int, status_id: int = 10, **columns: object) -> Lead:
    at = timezone.now() - timedelta(days=days_ago)
    return Lead.objects.create(user_account=account, amocrm_created_at=at, current_status_id=status_id, **columns)


def delivery(account: UserAccount, status: ProcessingStatus, **columns: object) -> WebhookLog:
    return WebhookLog.objects.create(
        user_account=account, source=Hook.AMOCRM, raw_body=b"a=1", processing_status=status, **columns
    )


def connect(account: UserAccount, **columns: object) -> AmoCRMConnection:
    values = {"state": ConnectionState.CONNECTED, "host": "demo.amocrm.ru", "set_up_at": timezone.now(), **columns}
    return AmoCRMConnection.objects.create(user_account=account, **values)


def test_the_root_leads_to_the_dashboard(client: Client) -> None:
    assert client.get("/")["Location"] == "/app/"
    assert client.get("/app/")["Location"] == "/login/?next=/app/"


def test_the_period_stands_in_the_address(vera: Client, cast: Cast) -> None:
    sold_at = timezone.now() - timedelta(days=20)
    Sale.objects.create(user_account=cast.alpha, sold_at=sold_at, amount=Decimal(100000), currency="KZT")
    assert "100,000\xa0₸" not in vera.get("/app/?days=7").content.decode()
    assert "100,000\xa0₸" in vera.get("/app/").content.decode()
    assert vera.get("/app/?days=nonsense").status_code == 200


def test_amounts_are_rounded_as_in_the_report_and_small_ones_keep_their_cents(vera: Client, cast: Cast) -> None:
    for _ in range(4):
        lead(cast.alpha, 1)
    Sale.objects.create(user_account=cast.alpha, sold_at=timezone.now(), amount=Decimal("1234.50"), currency="KZT")
    spent = {"what": "campaign:a", "campaign": "a", "amount": Decimal("1.80"), "currency": "KZT"}
    AdSpend.objects.create(user_account=cast.alpha, day=timezone.localdate(timezone=cast.alpha.zone), **spent)
    dashboard, report = (vera.get(page).content.decode() for page in ("/app/", "/app/roi"))
    assert "1,235\xa0₸" in dashboard
    assert "1,235<" in report
    assert "0.45\xa0₸ per lead" in dashboard


def test_a_new_account_is_told_to_connect(vera: Client) -> None:
    page = vera.get("/app/").content.decode()
    assert "Connect amoCRM" in page
    assert "No deliveries yet" in page


def test_who_may_mark_stages_is_led_to_them_until_one_is_marked(client: Client, cast: Cast) -> None:
    def says_so(person: User) -> bool:
        client.force_login(person)
        return "Mark stages" in client.get("/app/").content.decode()

    assert not says_so(cast.sam), "there are no stages yet"
    stage = PipelineStage.objects.create(user_account=cast.alpha, pipeline_id=1, status_id=20)
    assert says_so(cast.sam)
    assert not says_so(cast.vera)
    PipelineStage.objects.filter(pk=stage.pk).update(is_qualified_stage=True)
    assert not says_so(cast.sam)


def test_a_connected_account_without_deliveries_is_told_to_move_a_deal(vera: Client, cast: Cast) -> None:
    connect(cast.alpha)
    assert "Move a deal to another stage there" in vera.get("/app/").content.decode()


@pytest.mark.parametrize("problem", [code for code in Problem if code != Problem.RECONNECT_NEEDED])
def test_a_problem_is_told_with_what_to_do(vera: Client, cast: Cast, problem: Problem) -> None:
    connect(cast.alpha, problem_code=problem, problem_detail="GET /leads: 502", problem_since=timezone.now())
    page = vera.get("/app/").content.decode()
    assert str(TITLES[problem]) in page
    assert "GET /leads: 502" in page
    assert escape(str(REMEDIES[problem])) in page
    assert "badge warn" in page
    # Before the figures: on a phone the rest stands screens below.
    assert page.index("What is shown here may be out of date.") < page.index("Qualified")


def test_a_dead_token_asks_for_an_owner(vera: Client, cast: Cast) -> None:
    connect(cast.alpha, state=ConnectionState.RECONNECT_NEEDED, problem_code=Problem.RECONNECT_NEEDED)
    page = vera.get("/app/").content.decode()
    assert "An owner of the account has to connect amoCRM again." in page
    assert "badge bad" in page


def test_the_last_ten_deliveries_and_the_backlog_are_shown(vera: Client, cast: Cast) -> None:
    for number in range(12):
        delivery(cast.alpha, ProcessingStatus.SUCCESS, lead_id=900 + number)
    failed = delivery(cast.alpha, ProcessingStatus.ERROR, error_message="a foreign account")
    delivery(cast.alpha, ProcessingStatus.RECEIVED)
    foreign = delivery(cast.beta, ProcessingStatus.RECEIVED, lead_id=666)
    page = vera.get("/app/now").content.decode()
    assert len(re.findall(r"<tr id=", page)) == 10
    assert "a foreign account" in page
    assert f'href="/app/deliveries/{failed.pk}"' in page
    assert "1 delivery" in page
    assert f'href="/app/deliveries/{foreign.pk}"' not in page
    assert "q=666" not in page


def test_pages_have_no_inline_script_or_style(vera: Client, cast: Cast) -> None:
    connect(cast.alpha, problem_code=Problem.OUTAGE)
    row = lead(cast.alpha, 1)
    delivery(cast.alpha, ProcessingStatus.ERROR)
    for address in ("/app/", "/app/leads/", f"/app/leads/{row.pk}", "/app/stages/", "/connection/"):
        answer = vera.get(address)
        page = answer.content.decode()
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", page), address
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]


def test_the_switcher_shows_the_persons_accounts_only(client: Client, cast: Cast) -> None:
    client.force_login(cast.dora)
    page = client.get("/app/").content.decode()
    assert f"/app/?userAccountId={cast.beta.pk}" in page
    client.force_login(cast.vera)
    assert str(cast.beta.pk) not in client.get("/app/").content.decode()


def test_every_problem_has_its_words() -> None:
    assert set(TITLES) == set(REMEDIES) == set(Problem)


def test_what_is_not_there_is_a_page_for_people(vera: Client) -> None:
    answer = vera.get("/app/nowhere")
    assert answer.status_code == 404
    assert "To the dashboard" in answer.content.decode()
