"""PHP's form dialect, and bodies of any kind."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tests.growth import cpu_of
from integrations.amocrm.bodies import decode_body
from integrations.amocrm.brackets import decode_form, items_of

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def test_brackets_are_read_encoded_or_raw() -> None:
    expected = {"leads": {"add": {"0": {"id": "5", "name": "Айгуль С"}}}}
    name = "%D0%90%D0%B9%D0%B3%D1%83%D0%BB%D1%8C+%D0%A1"
    assert decode_form(f"leads%5Badd%5D%5B0%5D%5Bid%5D=5&leads%5badd%5d%5b0%5d%5bname%5d={name}".encode()) == expected
    assert decode_form(f"leads[add][0][id]=5&leads[add][0][name]={name}".encode()) == expected
    assert decode_form("leads[add][0][id]=5&leads[add][0][name]=Айгуль С".encode()) == expected


@pytest.mark.parametrize("key", ["leads[add", "leads]add[", "a[b]c[d]", "a[b[c]]", "[x]", "a[b]c", "a[b]]", "a[[b]]"])
def test_a_broken_key_is_kept_under_its_own_text(key: str) -> None:
    assert decode_form(f"{key}=1&leads[add][0][id]=5".encode()) == {key: "1", "leads": {"add": {"0": {"id": "5"}}}}


def test_a_broken_key_is_no_other_key_even_after_its_parent() -> None:
    assert decode_form(b"a[b][c]=1&a[b]c]=2&a[b]x[d]=3") == {"a": {"b": {"c": "1"}}, "a[b]c]": "2", "a[b]x[d]": "3"}


def test_a_key_that_is_value_and_parent_loses_nothing() -> None:
    assert decode_form(b"a=1&a[b]=2&c[d]=3&c=4") == {"a": {"": "1", "b": "2"}, "c": {"d": "3", "": "4"}}


def test_empty_brackets_append_after_the_highest_index() -> None:
    decoded = decode_form(b"a[]=x&a[]=y&a[7]=z&a[]=w&b[][id]=1&b[][id]=2")
    assert decoded == {"a": {"0": "x", "1": "y", "7": "z", "8": "w"}, "b": {"0": {"id": "1"}, "1": {"id": "2"}}}
    assert decode_form(b"a[5]=x&a[]=y&a[b]=z&a[3]=u&a[]=w") == {"a": {"5": "x", "6": "y", "b": "z", "3": "u", "7": "w"}}


def test_of_a_key_given_twice_the_last_value_counts() -> None:
    assert decode_form(b"a=1&a=2&b[c]=1&b[c]=2") == {"a": "2", "b": {"c": "2"}}


def test_odd_pieces_are_kept_and_nul_is_dropped() -> None:
    assert decode_form(b"&&=1&flag&n%00ul=a%00b\x00&bad=%ff%80.%D0&pct=%zz%4&__proto__[x]=1") == {
        "": "1",
        "flag": "",
        "nul": "ab",
        "bad": "\ufffd.\ufffd",
        "pct": "%zz%4",
        "__proto__": {"x": "1"},
    }


def test_what_is_written_in_windows_1251_is_read() -> None:
    name = quote("Привет, Ёлка № 5", encoding="cp1251")
    decoded = decode_form(f"a={name}&b={quote('Привет')}&c=".encode() + "Айгерим".encode("cp1251"))
    assert decoded == {"a": "Привет, Ёлка № 5", "b": "Привет", "c": "Айгерим"}


@given(st.text("абвгАБВЁё 7-xyz", min_size=1, max_size=12))
def test_utf_8_that_was_cut_short_within_a_letter_is_no_other_encoding(text: str) -> None:
    cut = quote(text).rpartition("%")[0]
    (decoded,) = decode_form(f"a={cut}".encode()).values() if cut else [""]
    assert text.startswith(str(decoded).removesuffix("\ufffd"))


def test_a_key_deeper_than_anything_of_amocrm_is_kept_flat() -> None:
    key = "a" + "[b]" * 30
    assert decode_form(f"{key}=1".encode()) == {key: "1"}


def test_an_escaped_percent_is_not_decoded_twice() -> None:
    assert decode_form(b"a=%255B%2525&b%255Bc%255D=1") == {"a": "%5B%25", "b%5Bc%5D": "1"}


def test_items_come_in_the_order_of_their_indexes() -> None:
    assert list(items_of({"1000": "k", "2": "b", "x": "last", "0": "a"})) == ["a", "b", "k", "last"]
    assert list(items_of(["a", "b"])) == ["a", "b"]
    assert [list(items_of(node)) for node in ("text", None, 5)] == [[], [], []]


@pytest.mark.parametrize(
    "field",
    [
        b"leads%5Bupdate%5D%5B0%5D%5Bcustom_fields%5D%5B0%5D%5Bvalues%5D%5B0%5D%5Bvalue%5D=%D1%8F&",
        b"%",
        b"&",
        b"[",
        b"a[b]",
    ],
)
def test_ten_times_the_length_takes_about_ten_times_as_long(field: bytes) -> None:
    short, long = field * (500_000 // len(field)), field * (5_000_000 // len(field))
    assert cpu_of(lambda: decode_form(long)) < 40 * cpu_of(lambda: decode_form(short))  # by the square: 100


@pytest.mark.parametrize("content_type", [FORM, JSON, "", "text/plain; charset=utf-8"])
def test_the_body_decides_what_it_is_before_its_content_type(content_type: str) -> None:
    assert decode_body(b'\xef\xbb\xbf {"leads": {"add": [{"id": 5}]}}', content_type).data == {
        "leads": {"add": [{"id": 5}]}
    }
    for begins in (b"", b"\xef\xbb\xbf", b"\r\n"):
        assert decode_body(begins + b"leads[add][0][id]=5", content_type).data == {"leads": {"add": {"0": {"id": "5"}}}}


def test_json_that_is_no_object_is_kept() -> None:
    assert decode_body(b"[1, 2]", JSON).data == {"_": [1, 2]}
    assert decode_body(b"null", JSON).data == {"_": None}


def test_json_that_postgresql_would_refuse_is_made_storable() -> None:
    body = b'{"a": NaN, "b": 1e999, "c": %s, "d": "\\ud800x\\u0000", "\\u0000k": 1.5, "e": -Infinity}' % (b"9" * 5000)
    data = decode_body(body, JSON).data
    assert data == {"a": "NaN", "b": "1e999", "c": "9" * 5000, "d": "\ufffdx", "k": 1.5, "e": "-Infinity"}


def test_json_that_was_written_in_windows_1251_is_read() -> None:
    in_both = '{"a": "Привет, Ёлка № 5", "b": '.encode("cp1251") + '"Айгерім"}'.encode()
    assert decode_body(in_both, JSON).data == {"a": "Привет, Ёлка № 5", "b": "Айгерім"}


def test_nesting_is_cut_before_it_hurts() -> None:
    assert "nested too deep" in json.dumps(decode_body(b"[" * 300 + b"]" * 300, JSON).data)
    decoded = decode_body(b"[" * 100_000 + b"]" * 100_000, JSON)
    assert (decoded.data, len(decoded.problems)) == ({}, 1)


@pytest.mark.parametrize("body", [b'{"leads": {"add": [', b"{", b"[1,", b"{]}"])
def test_json_that_breaks_off_says_so(body: bytes) -> None:
    decoded = decode_body(body, JSON)
    assert decoded.data == {}
    assert "no JSON" in decoded.problems[0]


def test_an_empty_body_is_nothing() -> None:
    assert decode_body(b"", FORM) == decode_body(b" \r\n", JSON) == ({}, ())


KEYS = st.text("ab01[]%&=+\x00é", max_size=12)


@given(st.one_of(st.binary(), st.lists(st.tuples(KEYS, KEYS)).map(lambda f: "&".join(map("=".join, f)).encode())))
def test_whatever_comes_is_storable(body: bytes) -> None:
    for content_type in (FORM, JSON):
        text = json.dumps(decode_body(body, content_type).data, allow_nan=False, ensure_ascii=False)
        assert "\\u0000" not in text
        text.encode("utf-8")


JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=()))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSONS)
def test_whatever_json_comes_is_storable(value: object) -> None:
    text = json.dumps(decode_body(json.dumps(value).encode(), JSON).data, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
