"""`/metrics`: who may read it, and that it says what the database says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from analytics.models import Sale
from integrations.models import AmoCRMConnection, HookDay, LeadPush, SaleNotification, SyncRun, WebhookLog
from leads.models import Lead, User
from leads.services.accounts import token_create
from leads.tests.cast import Cast, client, make_cast

pytestmark = pytest.mark.django_db
TOKEN = "metrics-token-1"


@pytest.fixture
def cast(settings: Settings) -> Cast:
    settings.METRICS_TOKEN = TOKEN
    return make_cast()


def scrape(authorization: str = f"Bearer {TOKEN}", path: str = "/metrics") -> Any:
    return client().get(path, HTTP_AUTHORIZATION=authorization)


def signed_in(person: User) -> Any:
    browser = client()
    browser.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return browser


def values() -> dict[str, float]:
    """`name` or `name{label}` → the value."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(scrape().content.decode()):
        for sample in family.samples:
            label = "".join(f"{{{value}}}" for value in sample.labels.values())
            found[f"{sample.name.removeprefix('voronka_')}{label}"] = sample.value
    return found


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/api/metrics"])
def test_the_token_opens_it(cast: Cast, path: str) -> None:
    answer = scrape(path=path)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", f"Token {TOKEN}", TOKEN, "Bearer é"]
)
def test_anything_else_does_not(cast: Cast, authorization: str) -> None:
    answer = scrape(authorization)
    assert (answer.status_code, TOKEN in answer.content.decode()) == (401, False)
    assert answer.json()["detail"]


def test_without_a_token_set_no_token_opens_it(cast: Cast, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert [scrape(text).status_code for text in ("Bearer ", "Bearer", "Bearer x")] == [401, 401, 401]


def test_staff_owners_and_superusers_read_it_and_viewers_do_not(cast: Cast) -> None:
    people = (cast.alice, cast.sam, cast.root, cast.vera)
    statuses = [signed_in(person).get("/metrics").status_code for person in people]
    assert statuses == [200, 200, 200, 403]


def test_an_api_token_reads_it_as_its_person_may(cast: Cast) -> None:
    people = (cast.alice, cast.sam, cast.root, cast.vera)
    assert [scrape(f"Token {token_create(person)}").status_code for person in people] == [200, 200, 200, 403]


def test_staff_read_the_figures_of_their_own_accounts(cast: Cast) -> None:
    for account in (cast.alpha, cast.beta, cast.beta):
        WebhookLog.objects.create(user_account=account, source="amocrm", raw_body=b"", received_at=timezone.now())

    def backlog(answer: Any) -> float:
        families = text_string_to_metric_families(answer.content.decode())
        return next(family.samples[0].value for family in families if family.name == "voronka_backlog_deliveries")

    assert [backlog(signed_in(person).get("/metrics")) for person in (cast.sam, cast.root)] == [1, 3]
    assert backlog(scrape()) == 3


def test_it_counts_deliveries_and_what_waits(cast: Cast) -> None:
    now = timezone.now()
    for status, age in (("success", 30), ("received", 2), ("success", 1), ("error", 1)):
        WebhookLog.objects.create(
            user_account=cast.alpha,
            source="amocrm",
            raw_body=b"",
            processing_status=status,
            received_at=now - timedelta(hours=age),
        )
    read = values()
    assert read["backlog_deliveries"] == 1
    assert 7100 < read["backlog_oldest_seconds"] < 7300
    assert [read[f"deliveries_24h{{{status}}}"] for status in ("success", "received", "error", "ignored")] == [
        1,
        1,
        1,
        0,
    ]


def test_it_counts_connections_messages_pushes_and_syncs(cast: Cast) -> None:
    now = timezone.now()
    AmoCRMConnection.objects.create(
        user_account=cast.alpha,
        state="connected",
        problem_code="outage",
        token_expires_at=now + timedelta(hours=5),
        amocrm_account_id=1,
    )
    AmoCRMConnection.objects.create(user_account=cast.beta, state="reconnect_needed", amocrm_account_id=2)
    SyncRun.objects.create(user_account=cast.alpha, state="done", finished_at=now - timedelta(hours=3))
    sale = Sale.objects.create(user_account=cast.alpha, currency="KZT", sold_at=now)
    SaleNotification.objects.create(user_account=cast.alpha, sale=sale, text="x", queued_at=now, state="failed")
    lead = Lead.objects.create(user_account=cast.alpha)
    LeadPush.objects.create(user_account=cast.alpha, lead=lead)
    read = values()
    assert (read["connections{connected}"], read["connections{reconnect_needed}"]) == (1, 1)
    assert read["connection_problems{outage}"] == 1
    assert (read["notifications{failed}"], read["lead_pushes{pending}"]) == (1, 1)
    assert (read["hooks_inactive"], read["accounts_never_synced"]) == (1, 0)
    assert 17900 < read["token_expires_seconds"] <= 18000
    assert 10700 < read["last_sync_age_seconds"] < 10900


def test_it_tells_how_many_changes_no_hook_told_of(cast: Cast) -> None:
    AmoCRMConnection.objects.create(user_account=cast.alpha, state="connected")
    today = timezone.now().date()
    for days_ago, untold in ((0, 2), (1, 1), (2, 50)):
        HookDay.objects.create(
            user_account=cast.alpha, day=today - timedelta(days=days_ago), told=10, untold=untold, delay_p95=4.5
        )
    read = values()
    assert (read["hook_changes{told}"], read["hook_changes{untold}"], read["hook_changes{late}"]) == (20, 3, 0)
    assert read["hook_delay_p95_seconds"] == 4.5


def test_an_empty_installation_answers_too(cast: Cast) -> None:
    read = values()
    assert read["backlog_deliveries"] == read["backlog_oldest_seconds"] == 0
    assert "token_expires_seconds" not in read


def test_it_costs_the_same_however_many_accounts_there_are(cast: Cast, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(25):
        scrape()
