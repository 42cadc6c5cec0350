from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import ProcessingStatus, WebhookLog
from integrations.replay import replay
from leads.models import UserAccount
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db
PATH = "/api/admin/webhook-logs"


def delivery(account: UserAccount, **values: Any) -> WebhookLog:
    return WebhookLog.objects.create(user_account=account, **({"source": "amocrm", "raw_body": b"a=1"} | values))


def ids(cast: Cast, query: str = "") -> list[int]:
    answer = client(cast.vera).get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_deliveries_come_newest_first_and_only_the_accounts(cast: Cast) -> None:
    first, second = delivery(cast.alpha), delivery(cast.alpha)
    delivery(cast.beta)
    assert ids(cast) == [second.pk, first.pk]
    assert ids(cast, "limit=1") == [second.pk]
    assert ids(cast, "page_size=1&page=2") == [first.pk]
    page = client(cast.vera).get(f"{PATH}?limit=1").json()
    assert (page["count"], page["previous"]) == (2, None)
    assert [row["id"] for row in client(cast.vera).get(page["next"]).json()["results"]] == [first.pk]


def test_a_delivery_has_its_columns_for_keys_and_its_body_as_text(cast: Cast) -> None:
    delivery(
        cast.alpha,
        raw_body="leads[status][0][id]=5001&имя=\xff".encode("latin-1", "replace") + b"\xff",
        lead_id=5001,
        pipeline_id=11,
        deal_data={"deals": [{"id": 5001}]},
        processing_status="error",
        error_message="deal 5001 cannot be read",
        routing_decision="traffic",
    )
    row = client(cast.vera).get(PATH).json()["results"][0]
    assert row["raw_body"].startswith("leads[status][0][id]=5001&")
    assert row["raw_body"].endswith("\ufffd")
    assert (row["lead_id"], row["pipeline_id"], row["processing_status"]) == (5001, 11, "error")
    assert (row["error_message"], row["routing_decision"]) == ("deal 5001 cannot be read", "traffic")
    assert row["deal_data"] == {"deals": [{"id": 5001}]}
    assert row["received_at"].endswith("Z")
    assert row["user_account_id"] == str(cast.alpha.pk)


def test_a_large_body_is_cut_in_the_list_and_whole_by_itself(cast: Cast) -> None:
    large = delivery(cast.alpha, raw_body=b"x" * 50_000)
    listed = client(cast.vera).get(PATH).json()["results"][0]
    assert (len(listed["raw_body"]), listed["raw_body_bytes"]) == (20_000, 50_000)
    whole = client(cast.vera).get(f"{PATH}/{large.pk}").json()
    assert (len(whole["raw_body"]), whole["raw_body_bytes"]) == (50_000, 50_000)


@pytest.mark.parametrize("query", ["status=error", "routing=referral", "source=amocrm_referral", "lead_id=5001"])
def test_deliveries_are_filtered_by(cast: Cast, query: str) -> None:
    wanted = delivery(
        cast.alpha,
        processing_status="error",
        routing_decision="referral",
        source="amocrm_referral",
        lead_id=5001,
    )
    delivery(cast.alpha, lead_id=5002)
    assert ids(cast, query) == [wanted.pk]


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("limit=all", "1 to 1000"),
        ("limit=-5", "1 to 1000"),
        ("status=done", "received, success, ignored, partial, error"),
        ("routing=none", "referral, traffic, both, unknown"),
        ("source=bitrix", "amocrm, amocrm_traffic, amocrm_referral"),
        ("lead_id=x", "whole number"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_400_with_what_is_allowed(cast: Cast, query: str, allowed: str) -> None:
    answer = client(cast.vera).get(f"{PATH}?{query}")
    assert answer.status_code == 400
    assert allowed in answer.json()["detail"]


@pytest.mark.parametrize("status", ProcessingStatus.values)
def test_a_replayed_delivery_waits_as_if_it_had_just_come(cast: Cast, status: str) -> None:
    done = delivery(
        cast.alpha,
        processing_status=status,
        attempts=3,
        error_message="no",
        processed_at=timezone.now(),
        next_attempt_at=timezone.now() + timedelta(hours=1),
    )
    other = delivery(cast.alpha, processing_status="error")
    answer = client(cast.sam).post(f"{PATH}/{done.pk}/replay")
    assert (answer.status_code, answer.json()) == (200, {"replayed": 1})
    done.refresh_from_db()
    assert (done.processing_status, done.attempts, done.error_message) == ("received", 0, "")
    assert (done.processed_at, done.next_attempt_at) == (None, None)
    other.refresh_from_db()
    assert other.processing_status == "error"


def test_each_account_is_woken_once(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    for account in (cast.alpha, cast.alpha, cast.beta):
        delivery(account, processing_status="error")
    with django_capture_on_commit_callbacks() as bells:
        assert replay(WebhookLog.objects.all()) == 3
    assert {bell.args for bell in bells} == {(cast.alpha.pk,), (cast.beta.pk,)}
    assert len(bells) == 2


def replayed(*arguments: str) -> int:
    out = StringIO()
    call_command("replay_webhooks", *arguments, stdout=out)
    return int(json.loads(out.getvalue())["replayed"])


def waiting() -> set[int]:
    return set(WebhookLog.objects.filter(processing_status="received").values_list("pk", flat=True))


def test_the_command_replays_by_account_status_and_days(cast: Cast) -> None:
    """In Almaty (UTC+5) the 10th is from 19:00 UTC of the 9th to 19:00 UTC of the 10th."""

    def ended(account: UserAccount, status: str, day: int, hour: int) -> WebhookLog:
        moment = datetime(2026, 3, day, hour, tzinfo=UTC)
        return delivery(account, processing_status=status, received_at=moment)

    wanted = ended(cast.alpha, "error", 10, 18)
    ended(cast.alpha, "success", 10, 18)
    ended(cast.alpha, "error", 9, 18)
    ended(cast.alpha, "error", 10, 19)
    ended(cast.beta, "error", 10, 18)
    arguments = ("--account", str(cast.alpha.pk), "--from", "2026-03-10", "--to", "2026-03-10", "--status", "error")
    assert replayed(*arguments) == 1
    assert waiting() == {wanted.pk}
    assert replayed("--from", "2026-03-10T19:00:00+00:00") == 1
    assert replayed(*arguments[:2], "--from", "20260311", "--to", "20260311") == 1
    assert replayed("--account", str(cast.beta.pk)) == 1
    assert replayed() == 5
    assert replayed("--status", "error") == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--account", "x"), "no account"),
        (("--account", ""), "no account"),
        (("--from", "yesterday"), "no day or time"),
        (("--from", ""), "no day or time"),
        (("--from", "0001-01-01T00:00:00+14:00"), "no day or time"),
        (("--from", "0001-01-01"), "no day or time"),
        (("--from", "2026-03-11", "--to", "2026-03-10"), "between"),
        (("--to", "2026-02-30"), "no day or time"),
        (("--to", "9999-12-31"), "no day or time"),
        (("--status", "done"), "done"),
    ],
)
def test_the_command_tells_what_it_cannot_read(arguments: tuple[str, str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        replayed(*arguments)
