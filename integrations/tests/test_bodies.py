"""Bodies for people's eyes: pure functions that take anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integrations import bodies

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(JSON)
def test_any_json_becomes_a_tree_in_which_nothing_of_it_is_markup(data: object) -> None:
    html = bodies.tree({"<b>": data, "x": "<script>"})
    assert "<script>" not in html
    assert "<b>" not in html


@given(st.binary(), st.text())
def test_any_bytes_can_be_read(body: bytes, content_type: str) -> None:
    shown = bodies.readable(body, content_type) + bodies.as_text(body)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)


def test_a_forms_keys_stand_one_per_line() -> None:
    body = b"leads%5Bstatus%5D%5B0%5D%5Bid%5D=1&name=%D0%98%D0%B2%D0%B0%D0%BD+P&text=a%0Ab"
    assert bodies.readable(body, "") == "leads[status][0][id] = 1\nname = Иван P\ntext = a\n    b"


def test_what_is_no_text_stays_recognisable() -> None:
    assert bodies.as_text(b"a\x00\xffb") == "a\\x00\\xffb"


def test_a_large_tree_is_cut() -> None:
    html = bodies.tree({"leads": [{"id": number} for number in range(50_000)]})
    assert len(html) < 1_000_000
    assert "more; see the raw body" in html


def test_deep_branches_begin_closed() -> None:
    html = bodies.tree({"1": {"2": {"3": {"4": {"5": "leaf"}}}}})
    assert html.count("<details open>") == bodies.OPEN_DEPTH
    assert html.count("<details>") == 1
