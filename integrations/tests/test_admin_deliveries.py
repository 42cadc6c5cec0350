"""The log viewer: what it shows, what it asks the database, and the button that replays."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import WebhookLog
from integrations.received import id_at
from integrations.tests.admin_world import DEAL, PIPELINE, World, address
from leads.models import DealPhone, Lead

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/webhooklog/"


@pytest.fixture
def delivery(world: World) -> WebhookLog:
    found: WebhookLog = world.rows[WebhookLog]
    return found


def deliver(world: World, number: int, **values: Any) -> list[WebhookLog]:
    values = {"user_account": world.alfa, "source": "amocrm", "raw_body": b"x=1", "lead_id": DEAL} | values
    return WebhookLog.objects.bulk_create([WebhookLog(**values) for _ in range(number)])


def asked(world: World, query: str = "", name: str = "alice") -> list[str]:
    """The statements on deliveries that a list runs."""
    client = world.client(name)
    client.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"{LIST}{query}").status_code == 200
    return [query["sql"] for query in queries.captured_queries if 'FROM "webhook_logs"' in query["sql"]]


# --- The list ---


def test_the_list_shows_the_newest_first_with_status_routing_and_message(world: World, delivery: WebhookLog) -> None:
    told = {"routing_decision": "traffic", "utm_source": "facebook", "pipeline_id": PIPELINE}
    newer = deliver(world, 1, processing_status="success", **told)[0]
    page = world.client("vera").get(LIST).content.decode()
    assert page.index(f"#{newer.pk}<") < page.index(f"#{delivery.pk}<")
    for text in ("ALFAWORLD error", "facebook", "traffic", "ALFAWORLD pipeline", str(DEAL)):
        assert text in page


def test_the_list_costs_the_same_for_one_row_and_for_a_page_of_them(
    world: World, django_assert_max_num_queries: Any
) -> None:
    deliver(world, 80)
    client = world.client("alice")
    client.get(LIST)
    with django_assert_max_num_queries(10):
        client.get(LIST)


@pytest.mark.parametrize("name", ["alice", "root"])
@pytest.mark.parametrize(
    "query", ["", "?p=2", "?processing_status__exact=error", "?routing_decision__exact=traffic", "?_facets=True"]
)
def test_nothing_is_counted_without_a_limit_and_no_body_is_read(world: World, name: str, query: str) -> None:
    deliver(world, 120, processing_status="error", routing_decision="traffic")
    statements = asked(world, query, name)
    assert statements
    for statement in statements:
        assert "LIMIT" in statement or '"webhook_logs"."id" IN (' in statement  # a page's rows by their keys
        assert "raw_body" not in statement
        assert "deal_data" not in statement


def test_a_count_stops_at_its_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads.paging.FEW", 10)
    monkeypatch.setattr("leads.paging.CappedPaginator.most", 60)
    deliver(world, 100)
    page = world.client("alice").get(LIST).content.decode()
    assert "60+" in page
    assert set(re.findall(r"\?p=(\d+)", page)) == {"2", "3"}  # three pages of 25 hold 60 rows


@pytest.mark.parametrize("query", ["", "?p=2", "?processing_status__exact=received", f"?q={DEAL}", "?q=%2317"])
def test_the_lists_statements_use_indexes(world: World, query: str) -> None:
    deliver(world, 120)
    for statement in asked(world, query):
        plan = explained(statement)
        assert "SEARCH" in plan or "Index" in plan, f"{plan}\n{statement}"
        assert "TEMP B-TREE" not in plan or "rowid=?)" in plan, f"{plan}\n{statement}"


def explained(statement: str) -> str:
    if connection.vendor != "sqlite":
        # So small a table is read whole whatever its indexes are; whether one could be used is the question.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {statement}")
            return "\n".join(str(line[0]) for line in cursor.fetchall())
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        return "\n".join(str(line[-1]) for line in cursor.fetchall())


@pytest.mark.parametrize(
    ("term", "is_found"), [(str(DEAL), True), ("#{pk}", True), ("26000", False), ("ALFAWORLD", False), ("%", False)]
)
def test_a_search_looks_up_an_id_and_nothing_inside_bodies(
    world: World, delivery: WebhookLog, term: str, is_found: bool
) -> None:
    answer = world.client("alice").get(LIST, {"q": term.format(pk=delivery.pk)})
    assert (f"#{delivery.pk}<" in answer.content.decode()) is is_found


@pytest.mark.parametrize(("person", "is_found"), [("alice", True), ("root", True), ("bob", False)])
def test_a_clients_deliveries_are_found_by_any_spelling_of_the_phone(
    world: World, delivery: WebhookLog, person: str, is_found: bool
) -> None:
    DealPhone.objects.create(user_account=world.alfa, phone_e164="+77015550102", amocrm_lead_id=DEAL)
    foreign = deliver(world, 1, user_account=world.bravo)[0]  # another account's deal of the same id
    for spelling in ("+7 701 555 01 02", "8 (701) 555-01-02", "77015550102"):
        page = world.client(person).get(LIST, {"q": spelling}).content.decode()
        assert (f"#{delivery.pk}<" in page) is is_found
        assert f"#{foreign.pk}<" not in page


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("processing_status__exact=error", True),
        ("processing_status__exact=success", False),
        ("source__exact=amocrm", True),
        ("source__exact=amocrm_traffic", False),
        ("received_at_from={today}&received_at_to={today}", True),
        ("received_at_to={yesterday}", False),
        ("received_at_from={tomorrow}", False),
        ("received_at_from=nonsense", True),
        ("received_at_from=2026-02-31", True),
    ],
)
def test_filters_narrow_the_list(world: World, delivery: WebhookLog, query: str, is_found: bool) -> None:
    today = timezone.localtime(delivery.received_at, world.alfa.zone).date()
    day = timedelta(days=1)
    query = query.format(today=today, yesterday=today - day, tomorrow=today + day)
    answer = world.client("alice").get(f"{LIST}?{query}")
    assert (f"#{delivery.pk}<" in answer.content.decode()) is is_found


def test_the_account_filter_offers_only_ones_own(world: World) -> None:
    assert "By account" not in world.client("alice").get(LIST).content.decode()
    root = world.client("root")
    assert "Bravo" in root.get(LIST).content.decode()
    assert "ALFAWORLD error" not in root.get(f"{LIST}?account={world.bravo.pk}").content.decode()
    assert "ALFAWORLD error" in root.get(f"{LIST}?account={world.alfa.pk}").content.decode()


def test_a_moment_is_found_among_ids_across_the_gaps_of_retention(world: World) -> None:
    start = timezone.now() - timedelta(days=10)
    WebhookLog.objects.all().delete()
    rows = [deliver(world, 1, received_at=start + timedelta(hours=hour))[0] for hour in range(40)]
    WebhookLog.objects.filter(pk__in=[row.pk for row in rows[10:20]]).delete()
    assert id_at(start) == rows[0].pk
    assert id_at(start + timedelta(hours=5)) == rows[5].pk
    assert id_at(start + timedelta(hours=12)) == rows[20].pk
    assert id_at(start + timedelta(hours=39)) == rows[39].pk
    assert id_at(start + timedelta(hours=40)) is None


# --- One delivery ---


def test_a_delivery_shows_what_it_did_and_its_body_in_three_ways(world: World, delivery: WebhookLog) -> None:
    page = world.client("vera").get(address(WebhookLog, "change", delivery.pk)).content.decode()
    assert address(Lead, "change", world.rows[Lead].pk) in page
    assert "leads[status][0][name] = ALFAWORLD &lt;b&gt;" in page
    assert "leads%5Bstatus%5D%5B0%5D%5Bname%5D=ALFAWORLD+%3Cb%3E" in page
    assert "ALFAWORLD <b>" not in page
    assert "press “Replay”" in page


def test_it_shows_the_stage_changes_it_told_of(world: World, delivery: WebhookLog) -> None:
    page = world.client("vera").get(address(WebhookLog, "change", delivery.pk)).content.decode()
    assert "01.03.2026 14:00:00" in page
    assert "/admin/leads/leadstatushistory/" in page


@pytest.mark.parametrize("body", [b"", b"\x00\xff<script>alert(1)</script>", b"{broken", b"[" * 5_000, b"a=" * 9_999])
def test_whatever_came_can_be_looked_at(world: World, body: bytes) -> None:
    strange = deliver(world, 1, raw_body=body)[0]
    page = world.client("alice").get(address(WebhookLog, "change", strange.pk))
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()


def test_a_huge_body_is_cut_and_can_be_downloaded(world: World) -> None:
    body = b"a=" + b"0123456789" * 300_000
    huge = deliver(world, 1, raw_body=body)[0]
    client = world.client("vera")
    page = client.get(address(WebhookLog, "change", huge.pk)).content
    assert len(page) < 600_000
    assert b"shown in part" in page
    download = client.get(reverse("admin:integrations_webhooklog_body", args=[huge.pk]))
    assert download.content == body
    assert download["Content-Type"] == "application/octet-stream"
    assert download["Content-Disposition"].startswith("attachment")


def test_a_foreign_body_cannot_be_downloaded(world: World, delivery: WebhookLog) -> None:
    path = reverse("admin:integrations_webhooklog_body", args=[delivery.pk])
    assert world.client("bob").get(path).status_code == 404
    assert world.client("anonymous").get(path).status_code == 302


# --- Replay ---


@pytest.mark.parametrize("name", ["alice", "sam", "root"])
def test_pressing_replay_in_the_list_puts_deliveries_back(world: World, delivery: WebhookLog, name: str) -> None:
    other = deliver(world, 1, processing_status="success")[0]
    chosen = {"action": "replay_selected", "_selected_action": [delivery.pk, other.pk]}
    answer = world.client(name).post(LIST, chosen)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["2 deliveries are queued again."]
    assert set(WebhookLog.objects.values_list("processing_status", "error_message")) == {("received", "")}


def test_pressing_replay_on_a_delivery_asks_first_and_then_puts_it_back(world: World, delivery: WebhookLog) -> None:
    client, path = world.client("sam"), f"{LIST}{delivery.pk}/replay/"
    assert "Replay this delivery?" in client.get(path).content.decode()
    delivery.refresh_from_db()
    assert delivery.processing_status == "error"
    answer = client.post(path, {"_form_submitted": "1"})
    assert answer["HX-Redirect"] == address(WebhookLog, "change", delivery.pk)
    delivery.refresh_from_db()
    assert delivery.processing_status == "received"


@pytest.mark.parametrize("name", ["vera", "bob"])
def test_who_may_not_replay_cannot(world: World, delivery: WebhookLog, name: str) -> None:
    client = world.client(name)
    assert client.post(f"{LIST}{delivery.pk}/replay/", {"_form_submitted": "1"}).status_code == 403
    client.post(LIST, {"action": "replay_selected", "_selected_action": [delivery.pk]})
    delivery.refresh_from_db()
    assert delivery.processing_status == "error"


def test_a_viewer_is_offered_no_replay(world: World, delivery: WebhookLog) -> None:
    page = world.client("vera").get(address(WebhookLog, "change", delivery.pk)).content.decode()
    assert f"{LIST}{delivery.pk}/replay/" not in page
    assert "replay_selected" not in world.client("vera").get(LIST).content.decode()
