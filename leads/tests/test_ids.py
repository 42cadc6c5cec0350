"""What people type as an id, and what only looks like one."""

from __future__ import annotations

import pytest

from leads.ids import id_in


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("17", 17),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("1" * 5000, None),
        ("", None),
        ("-1", None),
        ("1.0", None),
        ("١٧", None),
        ("²", None),
    ],
)
def test_an_id_is_so_many_plain_digits_as_a_column_can_hold(typed: str, meant: int | None) -> None:
    assert id_in(typed) == meant
