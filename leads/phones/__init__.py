"""Phones: every number that a value holds, in the one spelling in which two people's numbers are compared (E.164).

Text → plain text (`text`), in which groups of digits stand (`groups`), which are numbers or not (`numbering`). What is
no phone gives nothing: matching by it would make one person of strangers.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from leads.phones.groups import numbers_in
from leads.phones.numbering import display_phone
from leads.phones.text import MAX_LENGTH, plain_text, with_letters_as_digits

__all__ = ["Phone", "display_phone", "normalise_phone", "phones_in"]


@dataclass(frozen=True, slots=True)
class Phone:
    """`e164` like `+77011234567`; `extension` digits or empty. Two phones of one `e164` are one line."""

    e164: str
    extension: str = ""


def phones_in(raw: object, region: str) -> tuple[Phone, ...]:
    """Every phone in a value as somebody typed it, in order, each once.

    `raw` may be anything (a string, a number out of a spreadsheet, None); `region` is the ISO 3166 code by which
    numbers without a country are read (`KZ`). Never raises; of a very long text only the beginning is read.
    """
    return _phones_of_text(_text_of(raw)[: MAX_LENGTH + 1], region.strip().upper())


@lru_cache(maxsize=8192)  # a batch meets each of its phones several times: told, read, stored
def _phones_of_text(text: str, region: str) -> tuple[Phone, ...]:
    plain = plain_text(text)
    found = _all_in(plain, region)
    if found or (spelled := with_letters_as_digits(plain)) == plain:
        return found
    # Only where nothing else is found, so that no number that can be read as it stands is read differently.
    return _all_in(spelled, region)


def _all_in(plain: str, region: str) -> tuple[Phone, ...]:
    found: dict[str, Phone] = {}
    for e164, extension in numbers_in(plain, region):
        found.setdefault(e164, Phone(e164, extension))
    return tuple(found.values())


def normalise_phone(raw: object, region: str) -> str | None:
    """The first phone in the value as E.164, None where there is none."""
    phones = phones_in(raw, region)
    return phones[0].e164 if phones else None


def _text_of(raw: object) -> str:
    if isinstance(raw, bool):
        return ""
    if isinstance(raw, bytes):
        return raw[:4_000].decode("utf-8", "replace")
    if isinstance(raw, Decimal):
        raw = float(raw) if raw.is_finite() else 0
    if isinstance(raw, (int, float)):
        # NaN fails the comparison too; the bound keeps str() of a huge int from raising.
        return str(int(raw)) if 0 < raw < 10**15 and raw == int(raw) else ""
    return raw if isinstance(raw, str) else ""
