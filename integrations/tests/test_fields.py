"""Custom fields in both shapes, and the UTM in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.amocrm.fields import Field, fields_of, phones_of, tags_of
from integrations.amocrm.utm import utm_of
from leads.news import Utm


def field(name: str, *values: str, code: str = "", field_id: int | None = None) -> Field:
    return Field(field_id, name, code, values)


@pytest.mark.parametrize(
    "values",
    [
        [{"value": "fb"}],
        [{"value": "fb", "enum": "660001"}],
        {"0": {"value": "fb", "enum": "660001"}},
        {"value": "fb", "enum": "660001"},
        ["fb"],
        {"0": "fb"},
        "fb",
        [{"value": " fb "}, {"value": ""}, {"value": None}, {}],
        [{"value": "fb", "enum_id": 660001, "enum_code": None}],
    ],
)
def test_the_values_of_a_field_come_in_many_shapes(values: object) -> None:
    expected = (Field(880101, "Источник", "UTM_SOURCE", ("fb",)),)
    hook = {"custom_fields": {"0": {"id": "880101", "name": "Источник", "code": "UTM_SOURCE", "values": values}}}
    api = {
        "custom_fields_values": [
            {"field_id": 880101, "field_name": "Источник", "field_code": "UTM_SOURCE", "values": values}
        ]
    }
    assert fields_of(hook) == expected
    assert fields_of(api) == expected


def test_numbers_and_bare_dates_are_texts() -> None:
    entity = {"custom_fields_values": [{"field_id": 1, "field_name": "Дата", "values": [{"value": 1767283200}]}]}
    assert fields_of(entity)[0].values == ("1767283200",)


@pytest.mark.parametrize(
    "entity", [{}, {"custom_fields_values": None}, {"custom_fields": "odd"}, {"custom_fields": [5]}]
)
def test_an_entity_without_fields_has_none(entity: dict[str, Any]) -> None:
    assert fields_of(entity) == ()


def test_tags_are_read_from_hook_and_api() -> None:
    assert tags_of({"tags": {"0": {"id": "1", "name": "весна"}, "1": {"name": "vip"}}}) == ("весна", "vip")
    assert tags_of({"tags": ["весна"]}) == ("весна",)
    assert tags_of({"_embedded": {"tags": [{"id": 1, "name": "весна", "color": None}]}}) == ("весна",)
    assert tags_of({"_embedded": None, "tags": ""}) == ()


def test_phones_come_from_the_coded_field_then_from_one_named_so() -> None:
    fields = (
        field("Телефон", "8 702 555 01 03"),
        field("Тел. рабочий", "8 701 555 01 02", "+7 727 355-01-04", code="PHONE"),
        field("Телефон", "in another code", code="EMAIL"),
        field("Phone", "8 702 555 01 03"),
    )
    assert phones_of(fields) == ("8 701 555 01 02", "+7 727 355-01-04", "8 702 555 01 03")


# The places, best first

BY_CODE = field("Источник трафика", "coded", code="UTM_SOURCE")
BY_MAPPING = field("Откуда узнали", "mapped", field_id=77)
BY_NAME = field("UTM Source", "named")
BY_URL = field("Ссылка", "https://sarafan.test/?utm_source=linked")
BY_TAG = "utm_source:tagged"
MAPPING = {"77": "utm_source"}


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        (0, Utm(source="coded", place='field "Источник трафика" (code UTM_SOURCE)')),
        (1, Utm(source="mapped", place='field "Откуда узнали" (mapped by the account)')),
        (2, Utm(source="named", place='field "UTM Source"')),
        (3, Utm(source="linked", place='URL in field "Ссылка"')),
        (4, Utm(source="tagged", place='tag "utm_source:tagged"')),
    ],
)
def test_the_best_place_gives_the_utm(left_out: int, expected: Utm) -> None:
    fields = [BY_CODE, BY_MAPPING, BY_NAME, BY_URL][left_out:]
    assert utm_of(reversed(fields), [BY_TAG], MAPPING) == expected


def test_no_place_gives_nothing() -> None:
    assert utm_of([field("Город", "Алматы")], ["весна", "время: 10"]) == Utm()
    assert not utm_of([], [])


def test_places_are_not_mixed() -> None:
    fields = [field("x", "весна", code="UTM_CAMPAIGN"), field("utm_source", "fb"), field("utm_medium", "cpc")]
    assert utm_of(fields, ["utm_term:курс"]) == Utm(campaign="весна", place='field "x" (code UTM_CAMPAIGN)')


@pytest.mark.parametrize("nothing", ["none", "None", "(none)", "null", "undefined", "-", "(not set)", "", "  "])
def test_a_place_with_empty_words_only_holds_nothing(nothing: str) -> None:
    utm = utm_of([field("x", nothing, code="UTM_SOURCE"), field("utm_source", "fb")], [])
    assert utm == Utm(source="fb", place='field "utm_source"')


@pytest.mark.parametrize(
    "name", ["utm_source", "UTM Source", "utm-source", "UTM_SOURCE", "Utm source:", "utmSource", "utm.source"]
)
def test_a_name_counts_in_any_spelling(name: str) -> None:
    assert utm_of([field(name, "fb")], []).source == "fb"


@pytest.mark.parametrize("name", ["source", "Источник", "utm", "utm_source_first", "my utm_source"])
def test_other_names_do_not_count(name: str) -> None:
    assert not utm_of([field(name, "fb")], [])


@pytest.mark.parametrize("mapping", [{"77": "utm_source"}, {"77": "source"}, {" откуда УЗНАЛИ ": "UTM Source"}])
def test_an_account_maps_fields_by_id_or_name(mapping: dict[str, str]) -> None:
    assert utm_of([BY_MAPPING], [], mapping).source == "mapped"


def test_a_mapping_to_nothing_known_is_no_mapping() -> None:
    assert not utm_of([BY_MAPPING], [], {"77": "utm_colour", "None": "utm_source"})


def test_all_five_are_read_from_codes() -> None:
    fields = [
        field(key, f"the {key}", code=f"UTM_{key.upper()}")
        for key in ("source", "medium", "campaign", "content", "term")
    ]
    utm = utm_of(fields, [])
    assert (utm.source, utm.medium, utm.campaign, utm.content, utm.term) == (
        "the source",
        "the medium",
        "the campaign",
        "the content",
        "the term",
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://sarafan.test/?utm_source=fb&utm_campaign=%D0%B2%D0%B5%D1%81%D0%BD%D0%B0+2026",
        "https://sarafan.test/?x=1&amp;utm_source=fb&amp;utm_campaign=%D0%B2%D0%B5%D1%81%D0%BD%D0%B0+2026#top",
        "https://sarafan.test/?utm_source=fb&amp;amp;utm_campaign=весна%202026",
        "https://sarafan.test/?utm_source=fb&utm_campaign=%E2%E5%F1%ED%E0+2026",
        "https://sarafan.test/#utm_source=fb&utm_campaign=весна+2026",
        "sarafan.test/p?a=b;utm_source=fb;x=1&UTM_CAMPAIGN=весна+2026",
        "?utm_source=fb&utm_campaign=весна+2026",
        "utm_source=fb&utm_campaign=весна+2026",
        "Страница: https://sarafan.test/?utm_source=fb&utm_campaign=весна+2026 (мобильная)",
        "utm_medium=none&utm_source=fb&utm_campaign=весна+2026",
        "https://l.social.test/?u=https%3A%2F%2Fsarafan.test%2F%3Futm_source%3Dfb%26utm_campaign%3Dвесна%2B2026&h=AT1",
        'Заявка: <a href="https://sarafan.test/?utm_campaign=весна+2026&utm_source=fb">страница</a>',
    ],
)
def test_a_url_is_read_wherever_its_query_holds_utm(url: str) -> None:
    assert utm_of([field("Страница", url)], []) == Utm(
        source="fb", campaign="весна 2026", place='URL in field "Страница"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "utm_source=fb;utm_medium=cpc;utm_campaign=a,b",
        "utm_source=fb, utm_medium=cpc, utm_campaign=a,b",
        "utm_source=fb|utm_medium=cpc|utm_campaign=a,b",
        "utm_source = fb; utm_medium = cpc; utm_campaign = a,b",
        "utm_source: fb\nutm_medium: cpc\r\nutm_campaign: a,b\nИмя: Асель",
        "utm_source: fb, utm_medium: cpc, utm_campaign: a,b",
        '{"utm_source":"fb","utm_medium":"cpc","utm_campaign":"a,b","utm_term":null}',
        '{"utm_source": "fb", "utm_medium": "cpc", "utm_term": null, "utm_campaign": "a,b"}',
    ],
)
def test_a_field_that_lists_utm_gives_each_its_own_value(text: str) -> None:
    assert utm_of([field("utm_data", text)], []) == Utm(
        source="fb", medium="cpc", campaign="a,b", place='URL in field "utm_data"'
    )


def test_a_campaigns_name_may_hold_what_lists_are_parted_by() -> None:
    url = "https://sarafan.test/?utm_campaign=весна;алматы,2026|а&utm_source=fb;"
    found = utm_of([field("Страница", url)], [])
    assert (found.source, found.campaign) == ("fb", "весна;алматы,2026|а")


def test_a_parameter_that_begins_like_an_html_entity_spoils_no_value() -> None:
    entity = {"custom_fields": [{"name": "Ссылка", "values": ["https://s.test/?utm_source=fb&region=kz&copy=1"]}]}
    assert utm_of(fields_of(entity), []).source == "fb"


def test_the_utm_at_the_end_of_a_long_url_are_read_whole() -> None:
    url = f"https://s.test/?etext={'2202.' * 400}&utm_source=fb&utm_campaign={quote('весна ' * 40)}&utm_term=имплант"
    utm = utm_of(fields_of({"custom_fields": [{"name": "Ссылка", "values": [{"value": url}]}]}), [])
    assert (utm.source, utm.campaign, utm.term) == ("fb", ("весна " * 40).strip(), "имплант")


def test_each_url_is_a_place_of_its_own() -> None:
    fields = [field("Вход", "https://s.test/?utm_campaign=a"), field("Выход", "https://s.test/?utm_source=b")]
    assert utm_of(fields, []) == Utm(campaign="a", place='URL in field "Вход"')


@pytest.mark.parametrize(
    "tags",
    [
        ["utm_source:fb", "utm_campaign:весна: 2026"],
        ["vip", "utm_source = fb", "UTM-Campaign=весна: 2026"],
        ["utm_source=fb&amp;utm_campaign=весна: 2026".replace(" ", "+")],
    ],
)
def test_tags_tell_utm_with_a_colon_or_an_equals_sign(tags: list[str]) -> None:
    utm = utm_of([], tags)
    assert (utm.source, utm.campaign) == ("fb", "весна: 2026")


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("%D0%B2%D0%B5%D1%81%D0%BD%D0%B0%202026", "весна 2026"),
        ("%d0%b2%d0%b5%d1%81%d0%bd%d0%b0+2026", "весна 2026"),
        ("%D0%B2%D0%B5%D1%81%D0%BD%D0%B0%7C%D0%B0", "весна|а"),
        ("kz_%D0%B2%D0%B5%D1%81%D0%BD%D0", "kz_весн"),
        ("kz_%D0%B2%D0%B5%D1%81%D0%BD%D", "kz_весн"),
        ("%E2%E5%F1%ED%E0+2026", "весна 2026"),
        ("spring%20sale", "spring sale"),
        ("%00spring%0A", "spring"),
    ],
)
def test_a_value_that_a_site_took_out_of_its_address_undecoded_is_decoded(told: str, meant: str) -> None:
    assert utm_of([field("x", told, code="UTM_CAMPAIGN")], []).campaign == meant


@pytest.mark.parametrize(
    "name",
    [
        "sale 50%20",
        "sale50%",
        "-50%25off now",
        "sale_15%30days",
        "весна%20",
        "20%de_descuento",
        "a+b",
    ],
)
def test_a_percent_sign_in_a_campaigns_name_stays(name: str) -> None:
    assert utm_of([field("x", name, code="UTM_CAMPAIGN")], []).campaign == name


def test_an_ampersand_in_a_campaigns_name_does_not_end_it() -> None:
    assert utm_of([], ["utm_campaign:Tom & Jerry", "utm_source=fb"]).campaign == "Tom & Jerry"


def test_of_a_key_told_twice_the_first_value_counts() -> None:
    assert utm_of([field("utm_source", "none", "fb", "vk"), field("UTM Source", "tg")], []).source == "fb"


@given(
    st.lists(st.builds(Field, st.none(), st.text(), st.text(), st.tuples(st.text(), st.text()))), st.lists(st.text())
)
def test_nothing_makes_it_raise(fields: list[Field], tags: list[str]) -> None:
    assert isinstance(utm_of(fields, tags, {"a": "b"}), Utm)
    assert set(phones_of(tuple(fields))) <= {value for field in fields for value in field.values}
