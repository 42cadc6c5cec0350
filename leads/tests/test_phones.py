"""Phones as people and programs really write them."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tests.growth import cpu_of
from leads import phones
from leads.phones import Phone, display_phone, normalise_phone, numbering, phones_in

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "amocrm-samples" / "phones.json"
AIGUL, DOS = "+77015550102", "+77025550103"


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What another test has asked is read anew, or it would be that test's answer which is looked at."""
    forget()


def forget() -> None:
    phones._phones_of_text.cache_clear()
    numbering._parse.cache_clear()


def e164s(raw: object, region: str = "KZ") -> list[str]:
    return [phone.e164 for phone in phones_in(raw, region)]


@pytest.mark.parametrize(
    "raw",
    [
        "+77015550102",
        "87015550102",
        "77015550102",
        "7015550102",
        "8 701 555 01 02",
        "8-701-555-01-02",
        "8(701)5550102",
        "+7 (701) 555-01-02",
        "(+7) 701 555 01 02",
        "+(7) 701 5550102",
        "++7 701 5550102",
        "8.701.555.01.02",
        "8 7 0 1 5 5 5 0 1 0 2",
        "007 701 555 01 02",
        "8~701~5550102".replace("~", "\u00a0"),
        "8\u2013701\u2013555\u201101\u201102",
        "8\u200b701\u200b555\u200e0102",
        "８７０１５５５０１０２",
        "+٧٧٠١٥٥٥٠١٠٢",
        "\u202a+7 701 555 01 02\u202c",
        "8 701\t555 01 02",
        "8  701  555  01  02",
        "8_701_555_01_02",
        "8&nbsp;701&nbsp;5550102",
        "Тел.87015550102Айгуль",
        "Айгуль, курс «Таргет» 87015550102",
        "'+77015550102",
        '="+77015550102"',
        "p:+77015550102",
        "+8 701 555 01 02",
        "+7015550102",
        "8-701-555-01-02/03",
        "701-555-01-02/03",
        "8/701/555-01-02",
        "+7 701/555-01-02",
        "8[701]5550102",
        "+7 [701] 555-01-02",
        "8~701~555~01~02",
        "+7\u2212701\u2212555\u221201\u221202",
        "8·701·5550102",
        "• 87015550102",
        "8️⃣7️⃣0️⃣1️⃣5️⃣5️⃣5️⃣0️⃣1️⃣0️⃣2️⃣",
        "tel://+77015550102",
        "12/05/2024 87015550102",
        "8701555O1O2",
        "8 7О1 555 01 02",
        "87015550102, ул. Абая 12, кв. 34",
        "+7 701 555 01 02 12.05.2024",
        "заказ 87015550102",
        "тел: 87015550102 (после 18:00)",
        b"87015550102",
    ],
)
def test_one_person_is_one_number_however_it_is_written(raw: object) -> None:
    assert e164s(raw) == [AIGUL]


@pytest.mark.parametrize(
    "raw",
    [
        "77015550102@s.whatsapp.net",
        "77015550102:12@s.whatsapp.net",
        "77015550102.0:3@s.whatsapp.net",
        "77015550102@c.us",
        "whatsapp:+77015550102",
        "https://wa.me/77015550102?text=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
        "wa.me/+77015550102",
        "https://api.whatsapp.com/send?phone=%2B77015550102&text=1",
        "https://api.whatsapp.com/send?phone=+7%20(701)%20555%2001%2002&text=%D0%9D%D0%BE%D0%BC%D0%B5%D1%80%2015",
        "whatsapp://send?phone=77015550102",
        "https://t.me/+77015550102",
        "tel:+77015550102",
        "tel:+7-701-555-01-02",
        "tel:+7%20(701)%20555-01-02",
        "%2B7%20701%20555%2D01%2D02",
        "tel:701-555-01-02;phone-context=+7",
        "tel:87015550102;phone-context=example.test",
    ],
)
def test_a_chat_id_or_a_link_is_the_number_in_it_whatever_the_region(raw: str) -> None:
    assert e164s(raw) == [AIGUL]
    if "example.test" not in raw:
        assert e164s(raw, "DE") == [AIGUL]


@pytest.mark.parametrize(
    "raw", ["5215512345678@s.whatsapp.net", "+52 1 55 1234 5678", "0052 1 55 1234 5678", "5215512345678"]
)
def test_a_mexican_mobile_loses_the_digit_that_the_country_dropped(raw: str) -> None:
    assert e164s(raw) == ["+525512345678"]


@pytest.mark.parametrize(
    "raw", [77015550102, 87015550102.0, Decimal(77015550102), "77015550102.0", "7.7015550102E10", "7,7015550102E+10"]
)
def test_a_spreadsheet_may_have_made_a_number_of_it(raw: object) -> None:
    assert e164s(raw) == [AIGUL]


def test_a_number_that_a_spreadsheet_rounded_is_lost() -> None:
    assert e164s("7.70156E+10") == []


@pytest.mark.parametrize(
    "raw",
    [
        "8701 555 01 02, 8702 555 01 03",
        "87015550102/87025550103",
        "87015550102;87025550103",
        "87015550102\n87025550103",
        "8 701 555 01 02 или 8 702 555 01 03",
        "8 701 555 01 02 8 702 555 01 03",
        "701 555 01 02 702 555 01 03",
        "87015550102 87025550103",
        "87015550102-87025550103",
        "+7 701 555 01 02 +7 702 555 01 03",
        "+77015550102+77025550103",
        "1) 87015550102 2) 87025550103",
        "1. 87015550102 2. 87025550103",
        "моб. 87015550102, мама 8 (702) 555-01-03",
        "77015550102@c.us, 77025550103@s.whatsapp.net",
        "8/701/555-01-02 / 8/702/555-01-03",
        "• 8701 555 01 02 • 8702 555 01 03",
    ],
)
def test_several_numbers_in_one_field_are_all_found_in_order(raw: str) -> None:
    assert e164s(raw) == [AIGUL, DOS]
    assert normalise_phone(raw, "KZ") == AIGUL


def test_a_number_written_twice_is_found_once() -> None:
    assert e164s("8 701 555 01 02, +77015550102") == [AIGUL]


@pytest.mark.parametrize(
    "tail",
    [
        " доб. 105",
        " доб 105",
        " (доб. 105)",
        " вн. 105",
        " ext 105",
        " ext. 105",
        ", ext 105",
        " x105",
        " #105",
        " доб. № 105",
    ],
)
def test_an_extension_is_kept_apart(tail: str) -> None:
    assert phones_in("8 (727) 355-01-04" + tail, "KZ") == (Phone("+77273550104", "105"),)


def test_each_number_has_its_own_extension() -> None:
    raw = "8 727 355 01 04 доб 1, 8 727 355 01 05, 8 727 355 01 06 доб. 3; tel:87273550107;ext=4"
    assert [phone.extension for phone in phones_in(raw, "KZ")] == ["1", "", "3", "4"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("8 (727) 355-01-04", "+77273550104"),
        ("8 (7172) 55 01 04", "+77172550104"),
        ("+7 7172 55.01.04", "+77172550104"),
        ("7172550104", "+77172550104"),
        ("8 800 080 01 02", "+78000800102"),
        ("8 999 555 01 02", "+79995550102"),
        ("+998 90 555 01 02", "+998905550102"),
        ("998905550102", "+998905550102"),
        ("998 90 555 01 02", "+998905550102"),
        ("8 10 998 90 555 01 02", "+998905550102"),
        ("00998905550102", "+998905550102"),
        ("996555550102", "+996555550102"),
        ("380675550102", "+380675550102"),
        ("972505555102", "+972505555102"),
        ("+49 30 1234567", "+49301234567"),
        ("1 650 253 0102", "+16502530102"),
    ],
)
def test_landlines_and_other_countries_are_read_in_an_account_of_kazakhstan(raw: str, expected: str) -> None:
    assert e164s(raw) == [expected]


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("+972 54-000-4050", "KZ", "+972540004050"),
        ("972540004050", "IL", "+972540004050"),
        ("447700900307", "GB", "+447700900307"),
        ("447700900307@c.us", "KZ", "+447700900307"),
    ],
)
def test_a_number_that_says_its_country_needs_only_a_possible_length(raw: str, region: str, expected: str) -> None:
    assert e164s(raw, region) == [expected]


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("8 701 555 01 02", "UZ", AIGUL),
        ("87015550102", "UZ", AIGUL),
        ("8 (916) 555-01-02", "UZ", "+79165550102"),
        ("8 (495) 555-01-04", "KG", "+74955550104"),
        ("8 10 7 701 555 01 02", "UZ", AIGUL),
        ("810998905550102", "UZ", "+998905550102"),
        ("80675550102", "UA", "+380675550102"),
        ("8 (067) 555-01-02", "UA", "+380675550102"),
        ("8 029 555-01-02", "BY", "+375295550102"),
        ("8 90 555 01 02", "UZ", "+998905550102"),
    ],
)
def test_the_trunk_code_of_the_soviet_union_is_read_where_people_still_write_it(
    raw: str, region: str, expected: str
) -> None:
    assert e164s(raw, region) == [expected]


@pytest.mark.parametrize("raw", ["+7 701 555 01 0", "+7 (701) 555-01-0_", "+7 (901) 234-56-7", "8701555010"])
def test_a_number_that_lacks_a_digit_is_not_a_strangers_of_uzbekistan(raw: str) -> None:
    assert e164s(raw, "UZ") == []


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("0171 / 1234567", "DE", ["+491711234567"]),
        ("030 123456/57", "DE", ["+4930123456"]),
        ("10 123 45 00 / 8 701 555 01 02", "KZ", [AIGUL]),
        ("8 702 555 01 03 / 4843 / 8 (701) 555 0102", "KZ", ["+77025550103", AIGUL]),
        ("+7 702 555 01 0 / 7015550102", "KZ", [AIGUL]),
        ("+7 702 555 01 0 / 90 555 01 03", "UZ", ["+998905550103"]),
    ],
)
def test_a_slash_stands_in_a_number_or_between_two(raw: str, region: str, expected: list[str]) -> None:
    assert e164s(raw, region) == expected


def test_an_extension_is_of_the_number_before_it() -> None:
    assert phones_in("8 701 555 01 02 8 702 555 01 03 доб. 5", "KZ") == (Phone(AIGUL), Phone(DOS, "5"))


def test_a_whole_number_may_be_seven_digits_where_the_country_has_no_more() -> None:
    assert e164s("581 2345", "IS") == ["+3545812345"]


def test_a_german_mobile_without_its_plus_is_no_number_of_friesland() -> None:
    assert e164s("4915112345678", "DE") == ["+4915112345678"]


@pytest.mark.parametrize(
    "raw",
    [
        None,
        True,
        "",
        "   ",
        "—",
        "нет",
        "123",
        "39-00-40",
        "+79123",
        "12.05.2024 14:00",
        "2024-05-12 14:00:00",
        "2024-05-12T14:00:00Z",
        "1748268669",
        "1748268669123",
        1748268669,
        "Заказ №590788",
        "№ 7012345678",
        "заявка 7012345678",
        "ИИН 861012300456",
        "861012300456",
        "990101300123",
        "ИНН 7701234567",
        "4400 4301 5550 0102",
        "4415-3412-5550-0102",
        "4400430155500102",
        "KZ86125KZT5004100100",
        "120363043968066561@g.us",
        "77015550102-1453740695@g.us",
        "77015550102@lid",
        "status@broadcast",
        "aigul87015550102@example.test",
        "@aigul87015550102",
        "https://shop.example.test/orders/87015550102",
        "shop.example.test/orders/87015550102",
        "Agent 007, iPhone 14 Pro 256",
        "54caee02-e383-46d8-a9b7-1fb43f07cffe",
        "421960192.1547848071",
        "+7 (000) 000-00-00",
        "+7 (123) 456-78-90",
        "0000000000000",
        "12345678901",
        "442000/297000",
        "77 000 / 208 000",
        "договор 70155/50102",
        "15 870/15550102",
        "8701555OO",
        "12/05/2024 14:00",
        float("nan"),
        float("inf"),
        -77015550102,
        77015550102.5,
        10**5000,
        Decimal("sNaN"),
        ["87015550102"],
        pytest.param(object(), id="an object"),
    ],
    # Names that `make mutants` can give to pytest once more.
    ids=lambda raw: "a huge int" if isinstance(raw, int) and raw > 10**20 else re.sub(r"\W+", "-", ascii(raw)),
)
def test_what_is_no_phone_matches_nothing(raw: object) -> None:
    assert e164s(raw) == []
    assert normalise_phone(raw, "KZ") is None


@pytest.mark.parametrize("raw", ["960229300123", "000229500123", "861012612300", "861012012300"])
def test_a_personal_id_of_any_birthday_is_no_landline_of_beijing(raw: str) -> None:
    assert e164s(raw) == []


@pytest.mark.parametrize("raw", ["861064612345", "8610 6461 2345"])
def test_twelve_digits_that_are_no_birthday_may_be_a_landline_of_beijing(raw: str) -> None:
    assert e164s(raw) == ["+861064612345"]


def test_only_kazakhstan_has_its_personal_ids() -> None:
    assert e164s("861012300456", "RU") == ["+861012300456"]


@pytest.mark.parametrize("raw", ["972 54 123 45 67", "701 555 01 02 12", "701 555 01 02 1"])
def test_the_beginning_of_something_longer_is_no_number(raw: str) -> None:
    assert e164s(raw) == []


@pytest.mark.parametrize("region", ["", "XX", "kz ", "K"])
def test_an_unknown_region_still_reads_what_is_international(region: str) -> None:
    assert e164s("+7 701 555 01 02", region) == [AIGUL]


def test_people_see_the_international_spelling() -> None:
    assert display_phone(AIGUL) == "+7 701 555 0102"
    assert display_phone("no phone") == "no phone"


def _samples() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(SAMPLES.read_text("utf-8")) if SAMPLES.exists() else []
    return rows


@pytest.mark.parametrize("row", _samples(), ids=lambda row: row["raw"])
def test_every_spelling_collected_in_the_field_is_read(row: dict[str, Any]) -> None:
    phones = phones_in(row["raw"], row["region"])
    assert [phone.e164 for phone in phones] == row["e164"]
    assert [phone.extension for phone in phones if phone.extension] == [row["extension"]] * bool(row["extension"])


@given(
    st.one_of(st.text(), st.text("+0123456789 ()-.;,@#xe\n"), st.binary(), st.floats(), st.integers(), st.decimals())
)
def test_nothing_makes_it_raise_and_the_answer_is_always_the_same(raw: object) -> None:
    once = phones_in(raw, "KZ")
    assert phones_in(raw, "KZ") == once
    assert [normalise_phone(phone.e164, "DE") for phone in once] == [phone.e164 for phone in once]


@pytest.mark.parametrize(
    "junk",
    ["1 ", "8701", "+", "8 701 555 01 02 ", "1234567 ", "a", "@", "a.b-", "(", "1.1.1.", "=?&", "tel:1;a=b;", "\u200b"],
)
def test_a_thousand_times_as_much_junk_takes_hardly_longer(junk: str) -> None:
    short, long = junk * (10_000 // len(junk)), junk * (10_000_000 // len(junk))

    def read(text: str) -> None:
        forget()
        phones_in(text, "KZ")

    assert cpu_of(lambda: read(long)) < 100 * cpu_of(lambda: read(short))


def test_a_number_that_the_cut_of_a_long_text_goes_through_is_left_out() -> None:
    assert e164s("x" * 990 + "8701555010212345") == []
