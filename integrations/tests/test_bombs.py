"""Deliveries that are made to break a reader: deep, huge, broken or unstorable. Each is stored, parsed and shown."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.amocrm.payloads import MAX_NAMED, parse_delivery
from integrations.models import WebhookLog
from integrations.tests.world import deliver, drain_all, statuses
from leads.models import Lead, User, UserAccount
from leads.tests.cast import client
from leads.tests.world import response

DEEP = 100_000
BODIES: dict[str, bytes] = {
    "brackets": b"a" + b"[" * DEEP,
    "closed brackets": b"leads" + b"[a]" * DEEP + b"=1",
    "encoded brackets": b"leads" + b"%5Ba%5D" * DEEP + b"=1",
    "fifty thousand fields": b"&".join(b"a%d=" % number for number in range(50_000)),
    "a thousand of one": b"leads[add][][id]=1&" * 1_000,
    "NUL": b"leads[add][0][id]=5\x00&leads[add][0][name]=%00a\x00&\x00=\x00",
    "surrogates": b'{"leads": {"add": [{"id": "5", "name": "\\ud800\\u0000", "\\udfff": "\\u0000"}]}}',
    "bytes": bytes(range(256)) * 1_000,
    "percents": b"%" * 1_000_000,
    "deep JSON": b'{"leads":' * DEEP,
    "giant ids": b"leads[add][0][id]="
    + b"9" * 100_000
    + b"&leads[add][1][id]=-1&leads[add][2][id]=9223372036854775808",
    "NaN": b'{"leads": {"add": [{"id": NaN, "price": Infinity, "updated_at": 1e400}]}}',
    "giant index": b"leads[add][" + b"9" * 50 + b"][id]=5",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json"])
def test_every_delivery_is_stored_parsed_and_shown(connected: UserAccount, body: bytes, content_type: str) -> None:
    response(connected, "+77011234567")
    stored = deliver(connected, body, content_type=content_type)
    after = deliver(connected, "leads[delete][0][id]=77")
    drain_all(connected)
    assert statuses(connected)[0] in ("success", "ignored", "error")
    assert statuses(connected)[1] == "success", "one that is well is applied all the same"
    assert bytes(WebhookLog.objects.get(pk=stored).raw_body) == body
    assert Lead.objects.count() == 1
    root = client(User.objects.create_superuser("root@example.com", "secret-7"))
    for delivery_id in (stored, after):
        for page in ("page-delivery", "admin:integrations_webhooklog_change"):
            address = reverse(page, args=[delivery_id])
            assert (
                root.get(address, {"userAccountId": str(connected.pk)} if page == "page-delivery" else {}).status_code
                == 200
            )
    listed = root.get("/api/admin/webhook-logs", {"userAccountId": str(connected.pk)})
    assert listed.status_code == 200


IDS = b",".join(b"%d" % number for number in range(1, 300_001))
SWARMS: dict[str, bytes] = {
    "deals": b'{"leads": {"delete": [' + IDS + b"]}}",
    "repeats": b"&".join(b"leads[delete][%d][id]=77" % number for number in range(50_000)),
    "deals of an incoming lead": b"unsorted[delete][0][accept_result][leads]=" + IDS,
    "deals of a contact": b"contacts[update][0][id]=5&contacts[update][0][linked_leads_id]=" + IDS,
}


@pytest.mark.parametrize("body", SWARMS.values(), ids=SWARMS)
def test_of_a_delivery_that_names_swarms_of_deals_some_are_read(body: bytes) -> None:
    parsed = parse_delivery(body, "")
    named = [news.snapshot.deal_id for news in parsed.deals]
    linked = [deal_id for news in parsed.contacts for deal_id in news.snapshot.deal_ids]
    assert parsed.is_cut
    assert MAX_NAMED / 2 < len(named) + len(linked) <= MAX_NAMED + 1


def test_swarms_of_deals_keep_nobody_waiting(connected: UserAccount) -> None:
    """Each of them alone names more than a statement of SQLite takes."""
    known = response(connected, "+77011234567", amocrm_lead_id=77)
    stored = deliver(connected, SWARMS["deals"], content_type="application/json")
    deliver(connected, "leads[delete][0][id]=77&leads[delete][0][updated_at]=1700000000")
    drain_all(connected)
    assert statuses(connected) == ["partial", "success"]
    log = WebhookLog.objects.get(pk=stored)
    assert log.error_message.startswith(f"Only the first {MAX_NAMED} deals and contacts of the delivery were read.")
    assert log.deal_data is not None
    assert len(log.deal_data["leads"]["delete"]) == 300_000
    known.refresh_from_db()
    assert known.is_deleted
