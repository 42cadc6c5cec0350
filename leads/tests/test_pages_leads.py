"""The list of leads and a lead's card."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from leads.models import Lead, LeadStatusHistory, MatchMethod, PipelineStage, UserAccount
from leads.pages.lead_list import PAGE_SIZE
from leads.pages.lead_search import LeadSearch
from leads.pages.stage_names import StageBook
from leads.tests.cast import Cast

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def vera(client: Client, cast: Cast) -> Client:
    client.force_login(cast.vera)
    return client


def lead(account: UserAccount, name: str, **columns: Any) -> Lead:
    return Lead.objects.create(user_account=account, name=name, **columns)


def stage(account: UserAccount, status_id: int, name: str, **columns: Any) -> PipelineStage:
    return PipelineStage.objects.create(
        user_account=account, pipeline_id=1, pipeline_name="Sales", status_id=status_id, status_name=name, **columns
    )


def names(client: Client, query: str) -> list[str]:
    """The names on the page, in its order."""
    page = client.get(f"/app/leads/?{query}").content.decode()
    return re.findall(r'<td class="lead-cell"><a [^>]*><span class="clip">([^<]*)', page)


@pytest.mark.parametrize(
    "spelling", ["8 701 123-45-67", "+7 (701) 123 4567", "77011234567", "7011234567", "77011234567@s.whatsapp.net"]
)
def test_a_phone_is_found_in_any_spelling(vera: Client, cast: Cast, spelling: str) -> None:
    lead(cast.alpha, "Dana", phone_e164="+77011234567")
    lead(cast.alpha, "Other", phone_e164="+77010000001")
    assert names(vera, f"q={spelling.replace('+', '%2B')}") == ["Dana"]


def test_a_part_of_a_phone_is_enough(vera: Client, cast: Cast) -> None:
    lead(cast.alpha, "Dana", phone_e164="+77011234567")
    assert names(vera, "q=123 45") == ["Dana"]


def test_a_deal_is_found_by_its_number(vera: Client, cast: Cast) -> None:
    lead(cast.alpha, "Dana", amocrm_lead_id=5512)
    lead(cast.alpha, "Other", amocrm_lead_id=5513)
    assert names(vera, "q=5512") == names(vera, "q=%235512") == ["Dana"]


@pytest.mark.parametrize("written", ["Айгерим Сапарова", "АЙГЕРИМ САПАРОВА", "айгерим сапарова"])
@pytest.mark.parametrize("text", ["айгерим", "АЙГЕРИМ", "Сапар", "сапарова"])
def test_a_name_is_found_in_any_case(vera: Client, cast: Cast, text: str, written: str) -> None:
    lead(cast.alpha, written)
    lead(cast.alpha, "Данияр")
    assert names(vera, f"q={text}") == [written]


@pytest.mark.parametrize(
    "nonsense", ["q=%00", "q=" + "9" * 40, "q=%25", "stage=x", "since=yesterday", "page=x", "order=x"]
)
def test_a_senseless_address_is_a_page_all_the_same(vera: Client, cast: Cast, nonsense: str) -> None:
    assert vera.get(f"/app/leads/?{nonsense}").status_code == 200


def test_filters_stand_in_the_address(vera: Client, cast: Cast) -> None:
    stage(cast.alpha, 10, "New")
    lead(cast.alpha, "New one", current_pipeline_id=1, current_status_id=10, source="website", amocrm_lead_id=1)
    lead(cast.alpha, "Hot", is_qualified=True, source="whatsapp", match_method=MatchMethod.PHONE, amocrm_lead_id=2)
    lead(cast.alpha, "Waiting", source="manual")
    assert names(vera, "stage=1:10") == ["New one"]
    assert names(vera, "source=whatsapp") == ["Hot"]
    assert names(vera, "qualified=yes") == ["Hot"]
    assert names(vera, "match=phone") == ["Hot"]
    assert names(vera, "match=none") == ["Waiting"]


def test_days_are_those_of_the_accounts_zone(vera: Client, cast: Cast) -> None:
    # 20:00 UTC on the 9th is the 10th in Almaty already.
    lead(cast.alpha, "Night", amocrm_created_at=datetime(2026, 3, 9, 20, tzinfo=UTC))
    lead(cast.alpha, "Noon", amocrm_created_at=NOON)
    lead(cast.alpha, "Next", amocrm_created_at=NOON + timedelta(days=1))
    assert names(vera, "since=2026-03-10&until=2026-03-10&order=day") == ["Night", "Noon"]


def test_days_the_wrong_way_round_are_said_at_their_field(vera: Client, cast: Cast) -> None:
    lead(cast.alpha, "Noon", amocrm_created_at=NOON)
    page = vera.get("/app/leads/?since=2026-03-11&until=2026-03-10").content.decode()
    assert "The first day is after the last." in page
    assert "Noon" in page


def test_the_last_day_that_a_date_can_be_is_no_crash(vera: Client, cast: Cast) -> None:
    assert vera.get("/app/leads/?until=9999-12-31&since=0001-01-01").status_code == 200


def test_columns_sort_both_ways_with_the_empty_last(vera: Client, cast: Cast) -> None:
    for name, price in (("A", 5), ("B", None), ("C", 9)):
        lead(cast.alpha, name, price=price)
    assert names(vera, "order=-price") == ["C", "A", "B"]
    assert names(vera, "order=price") == ["A", "C", "B"]
    assert names(vera, "order=name") == ["A", "B", "C"]


def test_what_is_sorted_by_a_heading_is_sorted_from_a_menu_too(vera: Client, cast: Cast) -> None:
    lead(cast.alpha, "A")
    page = vera.get("/app/leads/?order=-price&page=1").content.decode()
    menu = re.search(r'<details class="menu sort".*?</details>', page, re.DOTALL)
    headings = re.search(r"<thead>.*?</thead>", page, re.DOTALL)
    assert menu
    assert headings
    links = re.compile(r'href="([^"]*)"')
    assert links.findall(menu[0]) == links.findall(headings[0]) != []
    assert '<strong class="descending">Price</strong>' in menu[0]


def test_deleted_leads_are_out_unless_asked_for(vera: Client, cast: Cast) -> None:
    lead(cast.alpha, "Gone", is_deleted=True)
    lead(cast.alpha, "Here")
    assert names(vera, "") == ["Here"]
    assert names(vera, "deleted=1") == ["Gone"]


def test_many_leads_come_by_pages(vera: Client, cast: Cast) -> None:
    Lead.objects.bulk_create(Lead(user_account=cast.alpha, name=f"Lead {n:03}") for n in range(120))
    assert len(names(vera, "order=name")) == PAGE_SIZE
    assert names(vera, "order=name&page=4")[-1] == "Lead 119"
    assert 'href="?order=name&amp;page=2"' in vera.get("/app/leads/?order=name").content.decode()


def test_a_page_of_leads_costs_the_same_few_queries(
    vera: Client, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    Lead.objects.bulk_create(Lead(user_account=cast.alpha, name=f"Lead {n}", amocrm_lead_id=n) for n in range(50))
    with django_assert_max_num_queries(12):
        vera.get("/app/leads/")


def test_an_empty_account_is_told_what_comes_next(vera: Client, cast: Cast) -> None:
    assert "No leads yet" in vera.get("/app/leads/").content.decode()
    lead(cast.alpha, "Dana")
    assert "Nothing found" in vera.get("/app/leads/?q=zzz").content.decode()


def test_a_search_begins_with_the_account(cast: Cast) -> None:
    lead(cast.beta, "Theirs")
    assert not LeadSearch(QueryDict("q=Theirs"), cast.alpha, StageBook.of(cast.alpha)).leads().exists()


# --- The card ---


def test_the_card_tells_response_match_and_way(vera: Client, cast: Cast) -> None:
    stage(cast.alpha, 10, "New", status_color="#99ccff")
    stage(cast.alpha, 20, "Talks", status_color="#ffff99")
    row = lead(
        cast.alpha,
        "Dana",
        phone="8 701 123 45 67",
        phone_e164="+77011234567",
        utm_source="instagram",
        price=Decimal(100000),
        amocrm_lead_id=5512,
        match_method=MatchMethod.PHONE,
        match_detail="phone +77011234567",
        current_pipeline_id=1,
        current_status_id=20,
    )
    for previous, status, hours in ((None, 10, 0), (10, 20, 5)):
        LeadStatusHistory.objects.create(
            user_account=cast.alpha,
            lead=row,
            amocrm_lead_id=5512,
            from_pipeline_id=1 if previous else None,
            from_status_id=previous,
            to_pipeline_id=1,
            to_status_id=status,
            changed_at=NOON + timedelta(hours=hours),
            webhook_data={"delivery_id": 40 + hours},
        )
    page = vera.get(f"/app/leads/{row.pk}").content.decode()
    for said in ("+7 701 123 4567", "8 701 123 45 67", "instagram", "100,000\xa0₸", "phone +77011234567", "#ffff99"):
        assert said in page
    assert page.index("Talks</strong>") < page.index("New</strong>")  # the newest on top
    assert "stood there 5\xa0hours" in page
    assert 'href="/app/deliveries/45"' in page


def test_a_repeat_purchase_and_its_origin_know_each_other(vera: Client, cast: Cast) -> None:
    first = lead(cast.alpha, "Dana", deal_name="First deal")
    second = lead(cast.alpha, "Dana", deal_name="Second deal", origin_lead=first, match_method=MatchMethod.REPEAT)
    assert "First deal" in vera.get(f"/app/leads/{second.pk}").content.decode()
    assert "Second deal" in vera.get(f"/app/leads/{first.pk}").content.decode()


def test_a_lead_without_a_deal_has_a_card(vera: Client, cast: Cast) -> None:
    page = vera.get(f"/app/leads/{lead(cast.alpha, 'Dana').pk}").content.decode()
    assert "No deal has been tied to this lead yet." in page


def test_a_stage_not_read_yet_goes_by_its_number(vera: Client, cast: Cast) -> None:
    row = lead(cast.alpha, "Dana", amocrm_lead_id=1, current_pipeline_id=1, current_status_id=777)
    assert "Stage 777" in vera.get(f"/app/leads/{row.pk}").content.decode()


def test_anothers_lead_is_absent(vera: Client, cast: Cast) -> None:
    assert vera.get(f"/app/leads/{lead(cast.beta, 'Theirs').pk}").status_code == 404


def test_what_people_wrote_is_shown_and_never_run(vera: Client, cast: Cast) -> None:
    attack = "<script>alert(1)</script>"
    row = lead(cast.alpha, attack, deal_name=attack, utm_source=attack, match_detail=attack)
    for address in ("/app/leads/", f"/app/leads/{row.pk}", f"/app/leads/?q={attack}"):
        assert attack not in vera.get(address).content.decode()


def test_a_colour_that_is_none_is_not_drawn(vera: Client, cast: Cast) -> None:
    stage(cast.alpha, 10, "New", status_color='red"/>')
    page = vera.get("/app/stages/").content.decode()
    assert "red" not in re.findall(r'fill="([^"]*)"', page)
