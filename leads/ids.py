"""Ids as people type them, and as they stand in addresses."""

from __future__ import annotations

MAX_ID = 2**63 - 1
"""What a column of ids can hold."""


def id_in(text: str) -> int | None:
    """The text as an id, if it can be one."""
    # Bounded first: Python refuses to read thousands of digits.
    is_number = text.isascii() and text.isdecimal() and len(text) < 20
    return int(text) if is_number and int(text) <= MAX_ID else None


def ids_in(text: str) -> list[int]:
    """The ids of `1,2,3`; what is no id is left out."""
    return [pk for part in text.split(",") if (pk := id_in(part)) is not None]
