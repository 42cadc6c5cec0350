"""Hooks as amoCRM sends them, one sample of each kind, and every captured body that is at hand."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.amocrm import payloads
from integrations.amocrm.payloads import ContactNews, DealNews, ParsedDelivery, parse_delivery
from integrations.amocrm.prices import quoted
from leads.news import ContactSnapshot, DealAction, DealSnapshot, Evidence, Utm

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
OURS = Path(__file__).parent / "samples"
CAPTURED = Path(__file__).resolve().parents[3] / "shared" / "amocrm-samples" / "webhooks"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CREATED = datetime(2026, 1, 1, 4, 0, tzinfo=UTC)
UPDATED = datetime(2026, 1, 1, 7, 0, tzinfo=UTC)


def parse(sample: str) -> ParsedDelivery:
    return parse_delivery((OURS / f"{sample}.form").read_bytes(), FORM, now=NOW)


def parse_json(body: object) -> ParsedDelivery:
    return parse_delivery(json.dumps(body).encode(), JSON, now=NOW)


def only_deal(parsed: ParsedDelivery) -> DealNews:
    (news,) = parsed.deals
    return news


def one_lead(**lead: object) -> DealSnapshot:
    return only_deal(parse_json({"leads": {"update": [{"id": 40100001, **lead}]}})).snapshot


def ids(parsed: ParsedDelivery) -> list[tuple[str, int]]:
    return [(news.action.value, news.snapshot.deal_id) for news in parsed.deals]


def test_a_new_deal_is_told_with_all_that_the_hook_says() -> None:
    parsed = parse("lead_add__plain")
    assert (parsed.account_id, parsed.subdomain, parsed.problems) == (31500777, "sarafan", ())
    assert parsed.data["leads"]["add"]["0"]["id"] == "40100001"
    assert only_deal(parsed) == DealNews(
        DealAction.ADDED,
        DealSnapshot(
            deal_id=40100001,
            updated_at=UPDATED,
            pipeline_id=7300100,
            status_id=61200400,
            price=Decimal(125000),
            name='Курс "Таргет" для «Айгуль»',
            created_at=CREATED,
            evidence=Evidence(action="add"),
        ),
    )


def test_a_won_deal_has_the_utm_of_its_coded_fields_only() -> None:
    snapshot = only_deal(parse("lead_status__won_with_utm_codes")).snapshot
    assert snapshot.is_won
    assert snapshot.utm == Utm(
        source="kenesary_fb", campaign="tripwire & весна", place='field "Источник трафика" (code UTM_SOURCE)'
    )


def test_an_emptied_price_is_zero_and_an_old_hook_names_only_the_subdomain() -> None:
    parsed = parse("lead_update__utm_by_name_price_empty")
    assert (parsed.account_id, parsed.subdomain) == (None, "sarafan")
    snapshot = only_deal(parsed).snapshot
    assert snapshot.price == Decimal(0)
    assert snapshot.utm == Utm(campaign="весна", place='field "UTM-Campaign"')


def test_cents_are_preferred_and_the_old_names_of_times_do() -> None:
    snapshot = only_deal(parse("lead_update__cents_and_old_times")).snapshot
    assert snapshot.price == Decimal("125000.75")
    assert (snapshot.created_at, snapshot.updated_at) == (CREATED, UPDATED)


def test_a_digital_pipeline_hook_tells_ids_alone() -> None:
    news = only_deal(parse("lead_status__digital_pipeline_raw_brackets"))
    assert news == DealNews(
        DealAction.STATUS,
        DealSnapshot(40100005, pipeline_id=7300100, status_id=61200500, evidence=Evidence(action="status")),
    )


def test_without_an_account_block_nobody_says_whose_it_is() -> None:
    parsed = parse("lead_responsible__no_account_block")
    assert (parsed.account_id, parsed.subdomain) == (None, None)
    assert only_deal(parsed).action is DealAction.RESPONSIBLE


def test_a_deal_without_an_id_is_named_beside_the_others() -> None:
    parsed = parse_json({"leads": {"add": [{"id": None}, {"id": 5}]}})
    assert (parsed.has_nameless, [deal_id for _action, deal_id in ids(parsed)]) == (True, [5])


def test_deleted_and_restored_are_told() -> None:
    deleted, restored = only_deal(parse("lead_delete__three_ids")), only_deal(parse("lead_restore__full"))
    assert (deleted.action, deleted.snapshot.is_deleted, deleted.snapshot.status_id) == (DealAction.DELETED, True, 143)
    assert (restored.action, restored.snapshot.is_deleted) == (DealAction.RESTORED, False)
    assert only_deal(parse("lead_add__plain")).snapshot.is_deleted is None


@pytest.mark.parametrize(
    ("sample", "deal_id"),
    [("lead_note__text", 40100009), ("unsorted_add__form", 40100010), ("unsorted_delete__accepted", 40100010)],
)
def test_a_deal_that_is_only_named_is_mentioned_once(sample: str, deal_id: int) -> None:
    assert only_deal(parse(sample)) == DealNews(
        DealAction.MENTIONED, DealSnapshot(deal_id, evidence=Evidence(action="mention"))
    )


def test_a_contact_names_its_deals_and_may_have_no_phone_yet() -> None:
    parsed = parse("contact_add__without_phone_linked_lead")
    assert parsed.deals == ()
    assert parsed.contacts == (
        ContactNews(
            "add",
            ContactSnapshot(51200001, "Айгуль Сарсенова", (), CREATED, deal_ids=(40100001, 40100002)),
        ),
    )


def test_phones_come_as_typed_and_companies_are_no_contacts() -> None:
    (news,) = parse("contact_update__two_phones_and_a_company").contacts
    assert news.snapshot.contact_id == 51200001
    assert news.snapshot.phones == ("8 701 555 01 02", "+7 (727) 355-01-03")


def test_a_deleted_contact_is_told() -> None:
    (news,) = parse("contact_delete__id_and_type").contacts
    assert (news.action, news.snapshot.contact_id) == ("delete", 51200001)


def test_what_is_about_neither_is_kept_and_says_nothing() -> None:
    parsed = parse("message_add__telegram")
    assert (parsed.deals, parsed.contacts, parsed.problems) == ((), (), ())
    assert parsed.data["message"]["add"]["0"]["text"] == "Здравствуйте"


def test_several_entities_and_actions_in_one_body_are_all_read_in_order() -> None:
    parsed = parse("mixed__two_actions_three_leads_one_contact")
    assert ids(parsed) == [("update", 40100011), ("update", 40100012), ("status", 40100011)]
    (contact,) = parsed.contacts
    assert (contact.snapshot.name, contact.snapshot.deal_ids) == ("123", (40100011, 40100012))


def test_every_sample_of_ours_has_a_test_that_names_it() -> None:
    named = Path(__file__).read_text("utf-8")
    assert [path.stem for path in OURS.glob("*.form") if f'"{path.stem}"' not in named] == []


# JSON nests as the form's keys do


@pytest.mark.parametrize(
    "leads",
    [
        {"status": [{"id": 5, "status_id": 142}]},
        {"status": {"0": {"id": "5", "status_id": "142"}}},
        {"status": {"id": 5, "status_id": 142}},
    ],
)
def test_indexes_may_be_a_list_an_object_or_left_out(leads: dict[str, Any]) -> None:
    parsed = parse_json({"account": {"id": 31500777}, "leads": leads})
    assert parsed.account_id == 31500777
    assert ids(parsed) == [("status", 5)]
    assert only_deal(parsed).snapshot.status_id == 142


@pytest.mark.parametrize("listed", [False, True])
def test_keys_of_a_form_that_a_program_left_as_they_were_nest_as_the_forms(listed: bool) -> None:
    flat = {
        "account[id]": "31500777",
        "leads[status][0][id]": "5",
        "leads[status][0][status_id]": "142",
        "leads[status][0][custom_fields][0][code]": "UTM_SOURCE",
        "leads[status][0][custom_fields][0][values][0][value]": "kenji",
        "leads[status][1][id]": "6",
    }
    parsed = parse_json({key: [value] for key, value in flat.items()} if listed else flat)
    assert (parsed.account_id, ids(parsed)) == (31500777, [("status", 5), ("status", 6)])
    first = parsed.deals[0].snapshot
    assert (first.status_id, first.utm.source) == (142, "kenji")


def test_such_keys_may_stand_beside_nested_ones() -> None:
    parsed = parse_json({"leads": {"add": [{"id": 5}]}, "leads[update][0][id]": 6, "account": {"id": 31500777}})
    assert (parsed.account_id, ids(parsed)) == (31500777, [("add", 5), ("update", 6)])


def test_a_bare_id_stands_for_its_deal() -> None:
    assert ids(parse_json({"leads": {"delete": [5, {"id": 6}]}})) == [("delete", 5), ("delete", 6)]
    assert ids(parse_delivery(b"leads[delete]=7", FORM)) == [("delete", 7)]


def test_an_event_that_nobody_knows_yet_mentions_its_deal() -> None:
    assert ids(parse_json({"leads": {"teleported": [{"id": 5}]}})) == [("mention", 5)]


@pytest.mark.parametrize(
    "note",
    [{"note": {"element_type": "2", "element_id": "7"}}, {"element_type": 2, "element_id": 7}, {"element_id": "7"}],
)
def test_a_note_mentions_its_deal_with_or_without_a_wrapper(note: dict[str, Any]) -> None:
    assert ids(parse_json({"leads": {"note": [note]}})) == [("mention", 7)]


def test_notes_of_contacts_mention_no_deal() -> None:
    note = {"note": {"element_type": "1", "element_id": "51200001"}}
    assert parse_json({"leads": {"note": [note]}, "contacts": {"note": [note]}}).deals == ()


def test_an_incoming_lead_whose_deal_is_not_made_yet_mentions_none() -> None:
    form = {"uid": "9c5e", "data": {"leads": [{"name": "Заявка"}, {"name": "Ещё одна"}]}}
    assert parse_json({"unsorted": {"add": {"0": form}}}).deals == ()
    assert (
        parse_delivery(b"unsorted[add][0][data][leads][0][name]=a&unsorted[add][0][data][leads][1][name]=b", FORM).deals
        == ()
    )


def test_an_incoming_lead_may_name_deals_as_ids_or_objects() -> None:
    accepted = {"action": "accept", "accept_result": {"leads": [{"id": "7"}, 8], "contacts": [9]}, "lead_id": 7}
    assert ids(parse_json({"unsorted": {"delete": [accepted]}})) == [("mention", 7), ("mention", 8)]
    assert ids(parse_json({"unsorted": {"add": [{"uid": "9c5e", "lead_id": "7"}]}})) == [("mention", 7)]


@pytest.mark.parametrize(
    "linked",
    [
        {"7": {"ID": "7"}, "8": {"ID": "8"}},
        {"7": {}, "8": {}},
        {"0": "7", "1": "8"},
        [7, 8],
        [{"ID": 7}, {"id": 8}],
        [{"Id": 7}, 8],
        "7,8",
    ],
)
def test_linked_deals_come_in_many_shapes(linked: object) -> None:
    (news,) = parse_json({"contacts": {"update": [{"id": 5, "linked_leads_id": linked}]}}).contacts
    assert news.snapshot.deal_ids == (7, 8)


def test_one_linked_deal_needs_no_list() -> None:
    (news,) = parse_json({"contacts": {"update": [{"id": 5, "linked_leads_id": {"id": 7, "price": 500}}]}}).contacts
    assert news.snapshot.deal_ids == (7,)


def test_the_main_contact_of_a_deal_is_told() -> None:
    assert one_lead(main_contact_id="51200001").contact_ids == (51200001,)


@pytest.mark.parametrize(
    ("linked", "read", "is_cut"),
    [
        ([[1, 2, 3, 4]], 4, False),
        ([[1, 2, 3, 4, 5, 6, 7]], 5, True),
        ([[1, 2], [3]], 3, False),
        ([[1, 2], [3, 4], [5]], 4, True),
    ],
)
def test_deals_and_contacts_are_read_up_to_the_bound_of_a_delivery(
    linked: list[list[int]], read: int, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "MAX_NAMED", 5)
    contacts = [{"id": 50 + index, "linked_leads_id": deals} for index, deals in enumerate(linked)]
    parsed = parse_json({"contacts": {"update": contacts}})
    assert (sum(len(news.snapshot.deal_ids) for news in parsed.contacts), parsed.is_cut) == (read, is_cut)


# Values that are not what they should be


@pytest.mark.parametrize("bad", ["", "abc", "0", "-5", "9223372036854775808", 1.5, None, True, {"a": 1}, "5 6"])
def test_an_entity_without_a_usable_id_is_left_out_and_named(bad: object) -> None:
    parsed = parse_json(
        {"leads": {"update": [{"id": bad}, {"id": 6}]}, "contacts": {"add": [{"id": bad, "name": "x"}]}}
    )
    assert ids(parsed) == [("update", 6)]
    assert [problem.split(":")[0] for problem in parsed.problems] == ["leads[update][0]", "contacts[add][0]"]
    assert all(problem.endswith(f"no usable id ({quoted(bad)})") for problem in parsed.problems)


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("125000", "125000"),
        (125000.5, "125000.50"),
        ("", "0"),
        (None, "0"),
        ("1 250 000", "1250000"),
        ("1\u00a0250,50", "1250.50"),
        ("1,250,000.50", "1250000.50"),
        ("1.250.000,50", "1250000.50"),
        ("1,250", "1250"),
        ("12,5", "12.50"),
        ("1250.005", "1250.01"),
        ("999999999999999", "999999999999999"),
    ],
)
def test_prices_are_read_to_the_cent(price: object, expected: str) -> None:
    assert one_lead(price=price).price == Decimal(expected)


@pytest.mark.parametrize(
    "price", ["NaN", "Infinity", "1e5", "1" * 16, "дорого", "12 тг", 1e20, True, [1], "-", "1..5.x"]
)
def test_a_price_that_is_none_is_left_out_and_named_but_the_deal_stays(price: object) -> None:
    parsed = parse_json({"leads": {"update": [{"id": 5, "price": price}]}})
    assert only_deal(parsed).snapshot.price is None
    assert parsed.problems[0].startswith("leads[update][0]: price ")


def test_a_price_not_told_is_unknown_and_odd_cents_fall_back_to_the_price() -> None:
    assert one_lead().price is None
    assert one_lead(price="100", price_with_minor_units="").price == Decimal(100)
    assert one_lead(price="100", price_with_minor_units="NaN").price == Decimal(100)
    assert one_lead(price="100", price_with_minor_units="0").price == Decimal(0)


@pytest.mark.parametrize(
    "told", ["01.01.2026", "17672508a0", "", "0", "-1", 0, None, "2026-01-01 07:00:00", "1893456000"]
)
def test_a_time_that_is_none_or_far_ahead_is_unknown(told: object) -> None:
    assert one_lead(updated_at=told).updated_at is None


@pytest.mark.parametrize(
    ("name", "told"),
    [("created_at", "created_at"), ("date_create", "created_at"), ("updated_at", "updated_at"),
     ("last_modified", "updated_at"), ("closed_at", "closed_at"), ("date_close", "closed_at")],
)  # fmt: skip
def test_each_time_has_a_new_name_and_an_old_one(name: str, told: str) -> None:
    assert getattr(one_lead(**{name: "1767250800"}), told) == UPDATED


@pytest.mark.parametrize("name", ["updated_at", "last_modified"])
def test_the_time_of_a_contact_has_a_new_name_and_an_old_one(name: str) -> None:
    (news,) = parse_json({"contacts": {"update": [{"id": 5, name: "1767250800"}]}}).contacts
    assert news.snapshot.updated_at == UPDATED


def test_what_is_far_ahead_is_reckoned_from_the_moment_of_receipt() -> None:
    then = datetime(2040, 1, 1, tzinfo=UTC)
    body = json.dumps({"leads": {"update": [{"id": 5, "updated_at": int(then.timestamp())}]}}).encode()
    assert only_deal(parse_delivery(body, JSON, now=then)).snapshot.updated_at == then


def test_of_two_names_of_a_time_the_readable_one_counts() -> None:
    assert one_lead(updated_at="17672508a0", last_modified="1767250800").updated_at == UPDATED
    assert one_lead(updated_at=1767250800000).updated_at == UPDATED


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({"subdomain": "Sarafan"}, "sarafan"),
        ({"subdomain": "sarafan.amocrm.ru"}, "sarafan"),
        ({"subdomain": "https://sarafan.kommo.com/"}, "sarafan"),
        ({"_links": {"self": "https://sarafan.amocrm.com"}}, "sarafan"),
        ({"_links": {"self": {"href": "https://sarafan.amocrm.ru"}}}, "sarafan"),
        ({"subdomain": "sarafan.evil.test"}, "sarafan.evil.test"),
        ({"_links": {"self": "https://sarafan.evil.test"}}, None),
        ({"subdomain": "https://["}, "https://["),
        ({"subdomain": ""}, None),
        ({}, None),
    ],
)
def test_the_subdomain_is_read_from_any_spelling(account: dict[str, Any], expected: str | None) -> None:
    assert parse_json({"account": account}).subdomain == expected


def test_an_account_that_mapped_its_fields_gets_their_utm() -> None:
    body = {"leads": {"add": [{"id": 5, "custom_fields": [{"id": 77, "name": "Откуда", "values": [{"value": "fb"}]}]}]}}
    parsed = parse_delivery(json.dumps(body).encode(), JSON, mapping={"77": "utm_source"})
    assert only_deal(parsed).snapshot.utm.source == "fb"


def test_a_body_that_cannot_be_read_says_so_and_a_flood_of_problems_is_cut() -> None:
    broken = parse_delivery(b'{"leads": {', JSON)
    assert (broken.data, broken.deals, len(broken.problems)) == ({}, (), 1)
    parts = b'--X\r\nContent-Disposition: form-data; name="leads[add][0][id]"\r\n\r\n5\r\n--X--\r\n'
    (why,) = parse_delivery(parts, "multipart/form-data; boundary=X").problems
    assert "multipart" in why
    for count, last in ((100, "and 80 more"), (21, "and 1 more"), (20, 'leads[add][19]: no usable id ("x")')):
        assert parse_json({"leads": {"add": [{"id": "x"}] * count}}).problems[-1] == last


# Properties

LEADS = st.fixed_dictionaries(
    {"id": st.integers(1, 2**63 - 1), "status_id": st.integers(1, 10**9), "pipeline_id": st.integers(1, 10**9)},
    optional={
        "name": st.text("Айгуль &<>+%[]=", max_size=20),
        "price": st.integers(0, 10**9),
        "updated_at": st.integers(1_600_000_000, 1_767_000_000),
    },
)


@given(st.lists(LEADS, max_size=4), st.randoms())
def test_what_was_encoded_is_read_back_whatever_the_order_of_its_keys(leads: list[dict[str, Any]], rng: Any) -> None:
    pairs = [(f"leads[update][{i}][{key}]", str(value)) for i, lead in enumerate(leads) for key, value in lead.items()]
    pairs.append(("account[id]", "31500777"))
    rng.shuffle(pairs)
    parsed = parse_delivery(urlencode(pairs).encode(), FORM, now=NOW)
    assert parsed.account_id == 31500777
    told = [news.snapshot for news in parsed.deals]
    assert [snapshot.deal_id for snapshot in told] == [lead["id"] for lead in leads]
    assert [snapshot.status_id for snapshot in told] == [lead["status_id"] for lead in leads]
    assert [snapshot.price for snapshot in told] == [lead.get("price") for lead in leads]
    as_json = parse_json({"account": {"id": 31500777}, "leads": {"update": leads}})
    assert as_json.deals == parsed.deals


NAMES = st.sampled_from(
    ["leads", "contacts", "unsorted", "account", "add", "note", "delete", "0", "id", "custom_fields", "values", "tags",
     "value", "name", "code", "PHONE", "price", "updated_at", "linked_leads_id", "lead_id", "_links", "self", "type"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), NAMES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, ANYTHING, max_size=4), max_size=4))
def test_no_json_makes_it_raise(body: dict[str, Any]) -> None:
    parsed = parse_json(body)
    json.dumps(parsed.data, allow_nan=False)
    assert all(news.snapshot.deal_id > 0 for news in parsed.deals)


@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=6), st.text(max_size=5)), max_size=8))
def test_no_form_makes_it_raise(fields: list[tuple[list[str], str]]) -> None:
    pairs = [(path[0] + "".join(f"[{name}]" for name in path[1:]), value) for path, value in fields]
    parsed = parse_delivery(urlencode(pairs).encode(), FORM)
    json.dumps(parsed.data, allow_nan=False)
    assert all(news.snapshot.deal_id > 0 for news in parsed.deals)


@given(st.binary())
def test_no_bytes_make_it_raise(body: bytes) -> None:
    for content_type in (FORM, JSON):
        parsed = parse_delivery(body, content_type)
        json.dumps(parsed.data, allow_nan=False)
        assert all(news.snapshot.deal_id > 0 for news in parsed.deals)


# Captured bodies, where they are at hand


def _captured() -> list[Path]:
    return sorted(CAPTURED.glob("*.form")) if CAPTURED.is_dir() else []


@pytest.mark.parametrize("path", _captured(), ids=lambda path: path.stem)
def test_every_captured_body_is_read(path: Path) -> None:
    body = path.read_bytes()
    parsed = parse_delivery(body, FORM)
    text = unquote_plus(body.decode())
    deals = re.findall(r"(?:^|&)leads\[(\w+)\]\[\d+\]\[id\]=(\d+)", text)
    mentioned = re.findall(r"accept_result\]\[leads\]\[\d+\]=(\d+)", text)
    assert ids(parsed) == [(action, int(i)) for action, i in deals] + [("mention", int(i)) for i in mentioned]
    contacts = [] if "[type]=company" in text else re.findall(r"(?:^|&)contacts\[(\w+)\]\[\d+\]\[id\]=(\d+)", text)
    assert [(news.action, news.snapshot.contact_id) for news in parsed.contacts] == [(a, int(i)) for a, i in contacts]
    named = re.search(r"(?:^|&)account\[id\]=(\d+)", text)
    assert parsed.account_id == (int(named[1]) if named else None)
    assert parsed.problems == ()
    statuses = re.findall(r"(?:^|&)leads\[\w+\]\[\d+\]\[status_id\]=(\d+)", text)
    assert [str(news.snapshot.status_id) for news in parsed.deals if news.snapshot.status_id] == statuses
