"""What the API answers, in its own shape, full and bare."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.amocrm.deal_events import DealEvent, DeletedDeal, deal_events_in, deleted_in
from integrations.amocrm.entities import (
    AccountFacts,
    StageEvent,
    account_from_api,
    contact_from_api,
    contacts_in,
    deal_from_api,
    deals_in,
    entities_in,
    pipelines_in,
    stage_event_from_api,
    stage_events_in,
)
from leads.news import ContactSnapshot, DealSnapshot, Utm

OURS = Path(__file__).parent / "samples"
CAPTURED = Path(__file__).resolve().parents[3] / "shared" / "amocrm-samples" / "api"
READ_AT = datetime(2026, 6, 1, tzinfo=UTC)
CREATED = datetime(2026, 1, 1, 4, 0, tzinfo=UTC)


def answer(name: str) -> Any:
    return json.loads((OURS / f"{name}.json").read_text("utf-8"))


def test_a_deal_is_read_with_all_that_the_api_says() -> None:
    deal, bare = deals_in(answer("api_leads__two_with_contacts"), read_at=READ_AT)
    assert deal == DealSnapshot(
        deal_id=40100002,
        updated_at=datetime(2026, 1, 1, 8, 0, tzinfo=UTC),
        pipeline_id=7300100,
        status_id=142,
        price=Decimal("389500.50"),
        name="Курс",
        created_at=CREATED,
        closed_at=datetime(2026, 1, 1, 7, 58, 20, tzinfo=UTC),
        utm=Utm(source="kenesary_fb", place='field "Источник трафика" (code UTM_SOURCE)'),
        contact_ids=(51200001, 51200005),
        is_deleted=False,
        read_at=READ_AT,
    )
    assert (bare.price, bare.name, bare.closed_at, bare.contact_ids) == (Decimal(0), "", None, ())


def test_a_deal_in_the_bin_tells_hardly_more_than_that() -> None:
    deal = deal_from_api({"id": 5, "updated_at": 1767240000, "is_deleted": True}, read_at=READ_AT)
    assert deal == DealSnapshot(5, updated_at=CREATED, is_deleted=True, read_at=READ_AT)


@pytest.mark.parametrize("odd", [None, 0, "soon", 4_070_908_800])
def test_a_deal_whose_time_of_change_is_odd_is_dated_by_its_others(odd: object) -> None:
    lead = {"id": 5, "updated_at": odd, "created_at": 1767240000, "status_id": 142, "pipeline_id": 1}
    assert deal_from_api(lead, read_at=READ_AT).updated_at == CREATED
    closed = deal_from_api(lead | {"closed_at": 1767250000}, read_at=READ_AT)
    assert closed.updated_at == closed.closed_at
    assert closed.closed_at is not None


def test_a_deal_that_is_answered_is_not_deleted_unless_it_says_so() -> None:
    assert deal_from_api({"id": 5}, read_at=READ_AT).is_deleted is False


def test_the_accounts_own_mapping_is_used() -> None:
    lead = {"id": 5, "custom_fields_values": [{"field_id": 7, "field_name": "Откуда", "values": [{"value": "fb"}]}]}
    assert deal_from_api(lead, read_at=READ_AT, mapping={"7": "utm_source"}).utm.source == "fb"


@pytest.mark.parametrize("lead", [{}, {"id": None}, {"id": "abc"}, {"id": 0}])
def test_an_entity_without_id_is_refused_alone_and_left_out_of_a_page(lead: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="lead without a usable id"):
        deal_from_api(lead, read_at=READ_AT)
    assert deals_in({"_embedded": {"leads": [lead, {"id": 5}]}}, read_at=READ_AT) == (
        DealSnapshot(5, is_deleted=False, read_at=READ_AT),
    )
    assert contacts_in([lead]) == ()


def test_contacts_have_their_phones_as_typed_and_a_name_in_either_field() -> None:
    aigul, dos = contacts_in(answer("api_contacts__enum_both_spellings"))
    assert aigul == ContactSnapshot(
        51200001,
        "Айгуль Сарсенова",
        ("8 701 555 01 02", "+7 727 355-01-03"),
        datetime(2026, 1, 1, 5, 0, tzinfo=UTC),
        (40100001, 40100002),
    )
    assert dos == ContactSnapshot(51200005, "Дос Ким")


def test_pipelines_come_with_their_stages_in_order() -> None:
    sales, archive = pipelines_in(answer("api_pipelines__archived_and_system_stages"))
    assert (sales.pipeline_id, sales.name, sales.is_archive) == (7300100, "Продажи", False)
    assert [(stage.status_id, stage.name, stage.type) for stage in sales.statuses] == [
        (61200300, "Неразобранное", 1),
        (61200400, "Квалификация", 0),
        (142, "Оплачено", 0),
        (143, "Отказ", 0),
    ]
    assert sales.statuses[1].color == "#99ccff"
    assert (archive.is_archive, archive.statuses) == (True, ())


def test_the_account_says_its_currency_zone_and_whether_filters_work() -> None:
    assert account_from_api(answer("api_account__filters_off")) == AccountFacts(
        31500777, "sarafan", "Сарафан", "KZT", "Asia/Almaty", False
    )
    assert account_from_api({"id": 5}) == AccountFacts(5, "", "", "", "", None)


def test_stage_events_come_oldest_first_and_others_are_left_out() -> None:
    first, won = stage_events_in(answer("api_events__stage_changes_newest_first"))
    assert first == StageEvent(
        "01hev00000000000000000000a",
        40100002,
        datetime(2026, 1, 1, 4, 1, 40, tzinfo=UTC),
        None,
        None,
        7300100,
        61200400,
    )
    assert (won.from_status_id, won.to_status_id) == (61200400, 142)


@pytest.mark.parametrize(
    "broken", [{"value_after": []}, {"value_after": None}, {"entity_id": None}, {"created_at": "x"}]
)
def test_an_event_that_lacks_what_a_change_is_made_of_is_none(broken: dict[str, Any]) -> None:
    whole = answer("api_events__stage_changes_newest_first")["_embedded"]["events"][0]
    assert stage_event_from_api(whole) is not None
    assert stage_event_from_api(whole | broken) is None


def test_of_what_happened_only_what_happened_to_deals_is_told() -> None:
    """Contacts and companies are merged, too, and have numbers of their own."""
    merged = {"id": "01a", "type": "entity_merged", "entity_id": 5, "entity_type": "lead", "created_at": 1767240000}
    others = {"entity_type": ("contact", "company"), "entity_id": (None,), "created_at": (None,)}
    events = [merged, *(merged | {key: value} for key, values in others.items() for value in values)]
    told = DealEvent("01a", "entity_merged", 5, CREATED)
    assert deal_events_in({"_embedded": {"events": events}}) == (told,)


def test_what_is_not_marked_as_deleted_is_not_in_the_bin() -> None:
    """Else all deals were, where amoCRM passes over what it was asked for."""
    deals = [{"id": 5, "is_deleted": True, "updated_at": 1767240000}, {"id": 6, "is_deleted": False}, {"id": 7}]
    assert deleted_in({"_embedded": {"leads": deals}}) == (DeletedDeal(5, CREATED),)


@pytest.mark.parametrize(
    "odd", [None, "", [], {}, {"_embedded": None}, {"_embedded": []}, {"_embedded": {"leads": None}}]
)
def test_an_answer_without_entities_has_none(odd: object) -> None:
    assert deals_in(odd, read_at=READ_AT) == ()
    assert (contacts_in(odd), pipelines_in(odd), stage_events_in(odd)) == ((), (), ())


KEYS = st.sampled_from(
    ["id", "_embedded", "leads", "contacts", "pipelines", "events", "statuses", "tags", "price", "created_at", "sort",
     "name", "custom_fields_values", "values", "value", "is_main", "value_after", "lead_status", "type", "entity_id"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just("lead_status_changed")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(ANYTHING)
def test_no_answer_makes_the_readers_raise(odd: object) -> None:
    assert all(deal.deal_id > 0 for deal in deals_in(odd, read_at=READ_AT))
    assert all(contact.contact_id > 0 for contact in contacts_in(odd))
    assert all(pipeline.pipeline_id > 0 for pipeline in pipelines_in(odd))
    assert all(event.deal_id > 0 for event in stage_events_in(odd))


def _captured(name: str) -> list[Path]:
    return sorted(CAPTURED.glob(f"*{name}*.json")) if CAPTURED.is_dir() else []


@pytest.mark.parametrize("path", _captured("leads-list") + _captured("lead-detail"), ids=lambda path: path.stem)
def test_every_captured_lead_is_read(path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    leads = data["_embedded"]["leads"] if "leads" in data.get("_embedded", {}) else [data]
    for lead, deal in zip(leads, deals_in(leads, read_at=READ_AT), strict=True):
        assert (deal.deal_id, deal.status_id, deal.pipeline_id) == (lead["id"], lead["status_id"], lead["pipeline_id"])
        assert deal.price == lead["price"]
        assert deal.updated_at == datetime.fromtimestamp(lead["updated_at"], UTC)
        assert set(deal.contact_ids) == {contact["id"] for contact in lead["_embedded"].get("contacts", [])}


@pytest.mark.parametrize("path", _captured("contact"), ids=lambda path: path.stem)
def test_every_captured_contact_is_read(path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    contacts = list(entities_in(data, "contacts")) if "contacts" in data.get("_embedded", {}) else [data]
    for contact in contacts:
        if "id" in contact:
            values = [f["values"] for f in contact.get("custom_fields_values") or [] if f["field_code"] == "PHONE"]
            expected = tuple(value["value"] for several in values for value in several)
            assert contact_from_api(contact).phones == expected


@pytest.mark.parametrize("path", _captured("pipelines"), ids=lambda path: path.stem)
def test_every_captured_pipeline_is_read_with_its_stages(path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    told = {p["id"]: {s["id"] for s in p["_embedded"]["statuses"]} for p in data["_embedded"]["pipelines"]}
    assert {p.pipeline_id: {s.status_id for s in p.statuses} for p in pipelines_in(data)} == told
