"""Lists of millions of rows: what a page costs follows from the page, and not from what lies before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.amounts import number
from leads.api.filters import any_case
from leads.models import Lead
from leads.paging import CappedCount, CappedPages, CappedPaginator, KeysFirst
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

LEADS = 60
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def many(cast: Cast) -> list[int]:
    """Ids of leads, the newest day first; pairs are of one moment."""
    rows = [Lead(user_account=cast.alpha, name=f"Lead {n}", phone="77010000000") for n in range(LEADS)]
    Lead.objects.bulk_create(rows)
    for n, lead in enumerate(rows):
        Lead.objects.filter(pk=lead.pk).update(created_at=BEGIN + timedelta(hours=n // 2))
    return list(Lead.objects.order_by("-lead_at", "-id").values_list("pk", flat=True))


@pytest.mark.parametrize("kind", [KeysFirst, CappedPaginator, CappedPages])
@pytest.mark.parametrize("page", [1, 2, 7])
def test_pages_are_those_of_a_plain_paginator(
    many: list[int], monkeypatch: pytest.MonkeyPatch, kind: type[Paginator[Lead]], page: int
) -> None:
    rows = Lead.objects.order_by("-lead_at", "-id").select_related("creative")
    plain = [lead.pk for lead in Paginator(rows, 9).page(page)]
    for few in (10, 1_000):
        monkeypatch.setattr("leads.paging.FEW", few)
        assert [lead.pk for lead in kind(rows, 9).page(page)] == plain


def test_a_far_page_of_the_api_is_found_by_keys_alone(many: list[int], cast: Cast) -> None:
    with CaptureQueriesContext(connection) as captured:
        answer = client(cast.vera).get("/leads", {"page": 5, "page_size": 10})
    assert [row["id"] for row in answer.json()["results"]] == many[40:50]
    skipping = [query["sql"] for query in captured if "OFFSET" in query["sql"]]
    assert len(skipping) == 1
    assert '"leads"."name"' not in skipping[0]


@pytest.mark.parametrize("path", ["/leads?ordering=name", "/app/leads?order=name", "/admin/leads/lead/?o=1"])
def test_who_sorts_by_what_no_index_has_makes_the_database_sort_keys_alone(
    many: list[int], cast: Cast, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("leads.paging.FEW", 10)
    with CaptureQueriesContext(connection) as captured:
        assert client(cast.root if "admin" in path else cast.vera).get(path).status_code == 200
    sorting = [query["sql"] for query in captured if 'ORDER BY "leads"' in query["sql"] and "LIMIT" in query["sql"]]
    assert [sql for sql in sorting if " JOIN " in sql or '"leads"."phone"' in sql.split(" FROM ")[0]] == []
    assert sorting


def test_a_far_page_reads_none_of_the_rows_before_it(many: list[int], cast: Cast) -> None:
    rows = Lead.objects.filter(user_account=cast.alpha, is_deleted=False).order_by("-lead_at", "-id")
    keys = rows.values_list("pk", flat=True)[40:50]
    if connection.vendor == "sqlite":
        assert "USING INDEX leads_of_days" in keys.explain()
    else:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE leads")
            # So small a table is read by any way; whether this one could be gone is the question.
            for other in ("seqscan", "bitmapscan", "indexscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{other} = off")
        assert "Index Only Scan Backward using leads_of_days" in keys.explain()
    assert "TEMP B-TREE" not in keys.explain()
    assert "Sort" not in keys.explain()


def test_the_leads_page_counts_no_further_than_a_limit(
    many: list[int], cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads.paging.FEW", 5)
    monkeypatch.setattr(CappedPages, "most", 40)
    with CaptureQueriesContext(connection) as captured:
        page = client(cast.vera).get("/app/leads?page=99").content.decode()
    assert "40+" in page
    assert "The list ends here" in page
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)
    assert "The list ends here" not in client(cast.vera).get("/app/leads").content.decode()


@pytest.mark.parametrize("path", ["/app/leads", "/admin/leads/lead/"])
def test_a_search_that_finds_little_goes_through_the_leads_once(many: list[int], cast: Cast, path: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        person = cast.root if "admin" in path else cast.vera
        page = client(person).get(path, {"q": "Lead 33"}).content.decode()
    assert "Lead 33" in page
    searching = [query["sql"] for query in captured if "WHERE" in query["sql"] and "LIKE" in query["sql"]]
    whole = [sql for sql in searching if '"leads"."id" IN (' not in sql]
    assert len(whole) == 1
    assert "ORDER BY" not in whole[0]


def test_a_count_that_stopped_says_so() -> None:
    assert number(CappedCount(10_000)) == "10,000+"
    assert number(10_000) == "10,000"


@pytest.mark.parametrize(("text", "times"), [("reels", 1), ("reels 77", 1), ("Алия", 3)])
def test_a_row_is_compared_once_with_what_is_one_to_the_database(text: str, times: int) -> None:
    assert len(any_case("name", text)) == times
