"""Deliveries and syncs as pages: from a stage of a lead down to what amoCRM sent, for every member of the account."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Hook, ProcessingStatus, SyncGap, SyncRun, WebhookLog
from integrations.pages.deliveries import PAGE_SIZE
from leads.models import Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

DEAL = 4711
BODY = {"account": {"id": "1"}, "leads": {"status": [{"id": str(DEAL), "status_id": "20", "pipeline_id": "10"}]}}


def deliver(account: UserAccount, **columns: Any) -> WebhookLog:
    values = {"raw_body": json.dumps(BODY).encode(), "deal_data": BODY, "lead_id": DEAL, **columns}
    return WebhookLog.objects.create(user_account=account, source=Hook.AMOCRM, **values)


def lead_told_by(account: UserAccount, **evidence: Any) -> Lead:
    PipelineStage.objects.create(user_account=account, pipeline_id=10, status_id=20, status_name="Talks")
    lead = Lead.objects.create(
        user_account=account, name="Dana", amocrm_lead_id=DEAL, current_pipeline_id=10, current_status_id=20
    )
    LeadStatusHistory.objects.create(
        user_account=account,
        lead=lead,
        amocrm_lead_id=DEAL,
        to_pipeline_id=10,
        to_status_id=20,
        changed_at=datetime(2026, 3, 10, tzinfo=UTC),
        webhook_data=evidence,
    )
    return lead


def page(cast: Cast, address: str, user: Any = None) -> str:
    answer = client(user or cast.vera).get(address)
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


def test_a_stage_leads_to_the_delivery_that_told_of_it_and_its_body(cast: Cast) -> None:
    delivery = deliver(cast.alpha, routing_reason="traffic: 'onai' in utm_campaign", request_id="abc-1")
    lead = lead_told_by(cast.alpha, delivery_id=delivery.pk)
    address = f"/app/deliveries/{delivery.pk}"
    assert f'href="{address}"' in page(cast, f"/app/leads/{lead.pk}")
    shown = page(cast, address)
    assert f'href="/app/leads/{lead.pk}"' in shown
    for text in ("Talks", "abc-1", 'class="v-key">status_id</span>', json.dumps(BODY)):
        assert text in shown, text


def test_a_deal_for_which_no_lead_stands_is_named_beside_those_that_have_one(cast: Cast) -> None:
    lead_told_by(cast.alpha)
    two = {"leads": {"status": [{"id": str(deal), "status_id": "20", "pipeline_id": "10"} for deal in (DEAL, 4712)]}}
    delivery = deliver(cast.alpha, raw_body=json.dumps(two).encode())
    shown = page(cast, f"/app/deliveries/{delivery.pk}")
    assert "Dana" in shown
    assert "No lead stands for these deals: 4712" in shown


def test_a_stage_leads_to_the_sync_that_found_it_and_what_else_it_found(cast: Cast) -> None:
    run = SyncRun.objects.create(user_account=cast.alpha, state=SyncRun.State.DONE)
    lead = lead_told_by(cast.alpha, sync_run_id=run.pk, event_id="e-1")
    now = timezone.now()
    for deal in (DEAL, DEAL + 1):
        SyncGap.objects.create(
            user_account=cast.alpha, run=run, amocrm_lead_id=deal, what="stage", changed_at=now, learnt_at=now
        )
    address = re.search(r'href="(/app/syncs/[^"]*)"', page(cast, f"/app/leads/{lead.pk}"))
    assert address is not None
    shown = page(cast, address.group(1))
    assert f'href="/app/leads/{lead.pk}"' in shown
    assert f"#{DEAL + 1}" not in shown
    assert f"#{DEAL + 1}" in page(cast, f"/app/syncs/{run.pk}")


def test_a_sync_names_the_stages_that_no_hook_had_told(cast: Cast) -> None:
    lead_told_by(cast.alpha)
    run = SyncRun.objects.create(user_account=cast.alpha, state=SyncRun.State.DONE)
    now = timezone.now()
    for what in ("stage", "name"):
        SyncGap.objects.create(
            user_account=cast.alpha,
            run=run,
            amocrm_lead_id=DEAL,
            what=what,
            after="10/20",
            changed_at=now,
            learnt_at=now,
        )
    shown = page(cast, f"/app/syncs/{run.pk}")
    assert "Talks" in shown
    assert shown.count("10/20") == 1  # what a deal is called is no stage


@pytest.mark.parametrize("part", ["", "/body", "/replay"])
def test_anothers_delivery_is_as_absent(cast: Cast, part: str) -> None:
    theirs = deliver(cast.beta)
    for user in (cast.alice, cast.vera):
        assert client(user).get(f"/app/deliveries/{theirs.pk}{part}").status_code in (403, 404)
    assert client(cast.alice).post(f"/app/deliveries/{theirs.pk}/replay").status_code == 404
    assert client(cast.alice).get(f"/app/deliveries/{'9' * 30}").status_code == 404


def test_anothers_sync_is_as_absent(cast: Cast) -> None:
    theirs = SyncRun.objects.create(user_account=cast.beta)
    assert client(cast.alice).get(f"/app/syncs/{theirs.pk}").status_code == 404


def test_the_body_is_a_file_as_it_came(cast: Cast) -> None:
    delivery = deliver(cast.alpha, raw_body=b"\xff<script>")
    answer = client(cast.vera).get(f"/app/deliveries/{delivery.pk}/body")
    assert answer.content == b"\xff<script>"
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert answer["Content-Disposition"].startswith("attachment")


def test_a_body_is_never_markup(cast: Cast) -> None:
    delivery = deliver(cast.alpha, raw_body=b'{"<script>x": "<img>"}', deal_data={"<script>x": "<img>"})
    shown = client(cast.vera).get(f"/app/deliveries/{delivery.pk}").content.decode()
    assert "<script>x" not in shown
    assert "<img>" not in shown
    assert "&lt;script&gt;x" in shown


def test_replaying_is_for_staff(cast: Cast) -> None:
    delivery = deliver(cast.alpha, processing_status=ProcessingStatus.ERROR)
    address = f"/app/deliveries/{delivery.pk}/replay"
    assert client(cast.vera).post(address).status_code == 403
    assert address not in page(cast, f"/app/deliveries/{delivery.pk}")
    assert client(cast.sam).get(address).status_code == 302
    delivery.refresh_from_db()
    assert delivery.processing_status == ProcessingStatus.ERROR
    assert client(cast.sam).post(address).status_code == 302
    delivery.refresh_from_db()
    assert delivery.processing_status == ProcessingStatus.RECEIVED


def test_the_list_is_filtered_and_goes_back_page_by_page(cast: Cast, django_assert_max_num_queries: Any) -> None:
    first = deliver(cast.alpha, lead_id=1)
    others = [deliver(cast.alpha, processing_status=ProcessingStatus.SUCCESS) for _ in range(PAGE_SIZE)]
    deliver(cast.beta)
    vera = client(cast.vera)
    vera.get("/app/deliveries/")
    with django_assert_max_num_queries(8):
        newest = unescape(vera.get("/app/deliveries/").content.decode())
    assert newest.count('href="/app/deliveries/') == PAGE_SIZE
    assert f'href="?before={others[0].pk}"' in newest
    older = page(cast, f"/app/deliveries/?before={others[0].pk}")
    assert re.findall(r'href="/app/deliveries/(\d+)"', older) == [str(first.pk)]
    assert re.findall(r'href="/app/deliveries/(\d+)"', page(cast, "/app/deliveries/?deal=1")) == [str(first.pk)]
    assert "Nothing found" in page(cast, "/app/deliveries/?status=error")
    page(cast, "/app/deliveries/?deal=x&status=y&before=-1&routing=z")
