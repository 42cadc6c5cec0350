"""Phones: every number that a value holds, in the one spelling in which two people's numbers are compared (E.164).

What a number is, `phonenumbers` knows; here stands how much to believe. A number written internationally (`+`, `00`,
a WhatsApp id) says itself what it is and needs only a possible length. Bare digits have to be a valid number of the
account's region, or of another country in full, or they are an order number, a date or somebody's personal id.
What is no phone gives nothing: matching by it would make one person of strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

from leads.phone_text import MAX_LENGTH, plain_text, with_letters_as_digits

_MIN_DIGITS, _MAX_DIGITS = 7, 16
_BARE_INTERNATIONAL_DIGITS = range(11, 14)
_MAX_ATTEMPTS = 400
"""Readings tried per value: enough for dozens of numbers, and a bound on what a page of digits can cost."""

_CHUNK = re.compile(r"\+*[\s(]*\d(?:[ ().\-/]*\d)*")
_GROUP = re.compile(r"\d+")
_EXTENSION = re.compile(
    r"[\s,;()]{0,5}(?:доб(?:авочный|ав)?\.?|вн(?:утр(?:енний)?)?\.?|ext(?:ension|n)?\.?|[xх#])\s{0,3}[:№#=]?\s{0,3}(\d{1,7})(?!\d)",
    re.IGNORECASE,
)
# WhatsApp, and people, still write Mexico's mobiles with the `1` that the numbering plan dropped in 2019.
_OLD_MEXICAN = re.compile(r"((?:00)?52)1(\d{10})")
_ONCE_TRUNK_EIGHT = frozenset({"AM", "AZ", "BY", "GE", "KG", "MD", "TJ", "TM", "UA", "UZ"})
_SEQUENCE = "012345678901234567890"
_SUBSCRIBER_TYPES = frozenset(
    {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)


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
    for phone in _read_text(plain, region):
        found.setdefault(phone.e164, phone)
    return tuple(found.values())


def normalise_phone(raw: object, region: str) -> str | None:
    """The first phone in the value as E.164, None where there is none."""
    phones = phones_in(raw, region)
    return phones[0].e164 if phones else None


@lru_cache(maxsize=1024)  # the deals of one phone are matched together
def display_phone(e164: str) -> str:
    """E.164 as people read it: `+7 701 123 4567`. What is no E.164 comes back as it was."""
    number = _parse(e164, None)
    return e164 if number is None else phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


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


def _read_text(text: str, region: str) -> Iterator[Phone]:
    attempts = _Attempts(region)
    for chunk in _CHUNK.finditer(text):
        numbers = list(_read_chunk(chunk.group(), attempts))
        extension = _EXTENSION.match(text, chunk.end()) if numbers else None
        for position, e164 in enumerate(numbers, start=1):
            last = position == len(numbers)
            yield Phone(e164, extension[1] if extension and last else "")


class _Attempts:
    """Readings of digits in one region, counted."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.left = _MAX_ATTEMPTS

    def read(self, digits: str, *, explicit: bool, lenient: bool) -> str | None:
        if not _MIN_DIGITS <= len(digits) <= _MAX_DIGITS or self.left <= 0:
            return None
        self.left -= 1
        if mexican := _OLD_MEXICAN.fullmatch(digits):
            digits = mexican[1] + mexican[2]
        if explicit:
            return _explicit(digits, self.region, lenient)
        return _bare(digits, self.region) if not lenient else None


def _read_chunk(chunk: str, attempts: _Attempts) -> Iterator[str]:
    """Numbers in digits that only spaces, dots, dashes, slashes and brackets part: usually one, sometimes several."""
    groups = list(_GROUP.finditer(chunk))
    explicit = "+" in chunk[: groups[0].start()]
    is_rest_of_unread = False
    start = 0
    while start < len(groups):
        international = (start == 0 and explicit) or _has_exit_code(groups[start].group())
        found = _longest(chunk, groups, start, international, attempts)
        if found and not (is_rest_of_unread and _is_without_prefix(_digits(groups[start : found[1]]), found[0])):
            e164, start = found
            is_rest_of_unread = False
            yield e164
        else:
            is_rest_of_unread = is_rest_of_unread or (start == 0 and international)
            start += 1
            if start < len(groups) and "/" in _gap(chunk, groups[start - 1], groups[start]):
                is_rest_of_unread = False


def _has_exit_code(group: str) -> bool:
    return group.startswith("00") and not group.startswith("000")


def _longest(
    chunk: str, groups: list[re.Match[str]], start: int, international: bool, attempts: _Attempts
) -> tuple[str, int] | None:
    """The number that begins at a group, the most groups that make one; with where the next may begin."""
    ends = _possible_ends(chunk, groups, start)[::-1]
    over_slash = {end: _is_over_slash(chunk, groups, start, end) for end in ends}
    if not international:  # a second number behind a slash, or the end of one, is no part of the first
        ends = sorted(ends, key=over_slash.__getitem__)
    for lenient in (False, True) if international else (False,):
        for end in ends:
            digits = _digits(groups[start:end])
            if over_slash[end] and not _is_whole_between_slashes(chunk, groups, start, end):
                continue
            e164 = attempts.read(digits, explicit=international, lenient=lenient)
            if e164 and over_slash[end] and not international and e164.endswith(digits):
                continue  # `70155/50102` is a contract, `0171/1234567` and `8/701/555-01-02` have a trunk code in front
            if e164 and not (end - start > 1 and _is_torn_off(chunk, groups, end, digits, e164)):
                return e164, end
    return None


def _is_over_slash(chunk: str, groups: list[re.Match[str]], start: int, end: int) -> bool:
    return "/" in chunk[groups[start].end() : groups[end - 1].start()]


def _is_whole_between_slashes(chunk: str, groups: list[re.Match[str]], start: int, end: int) -> bool:
    """Whether the groups neither begin nor end in the middle of what stands between two slashes."""
    begins = start == 0 or "/" in _gap(chunk, groups[start - 1], groups[start])
    return begins and (end == len(groups) or "/" in _gap(chunk, groups[end - 1], groups[end]))


def _is_torn_off(chunk: str, groups: list[re.Match[str]], end: int, digits: str, e164: str) -> bool:
    """Whether several groups without trunk or country code are but the beginning of something else.

    `972 50 123 45` is a number of Moscow's mobile operators, and `972 50 123 45 67` one of Israel that is too new.
    What is after a slash (`701-555-01-02/03`) is of a second number.
    """
    rest = chunk[groups[end - 1].end() :].partition("/")[0]
    if not 0 < sum(map(str.isdigit, rest)) < _MIN_DIGITS:
        return False
    return _is_without_prefix(digits, e164)


def _is_without_prefix(digits: str, e164: str) -> bool:
    """Whether the digits are a number's national ones alone. After a `+7` that could not be read they are no number
    of their own: `+7 701 555 01 0` lacks a digit, and is not Uzbekistan's `70 155 50 10`."""
    return digits == str(phonenumbers.parse(e164).national_number)


def _digits(groups: list[re.Match[str]]) -> str:
    return "".join(group.group() for group in groups)


def _possible_ends(chunk: str, groups: list[re.Match[str]], start: int) -> list[int]:
    """Where a number may end: at the chunk's end, and at a gap that can part two numbers."""
    ends: list[int] = []
    digits = 0
    for index in range(start, len(groups)):
        digits += len(groups[index].group())
        if digits > _MAX_DIGITS:
            break
        if index + 1 == len(groups) or _parts(chunk, groups[index], groups[index + 1]):
            ends.append(index + 1)
    return ends


def _parts(chunk: str, left: re.Match[str], right: re.Match[str]) -> bool:
    gap = _gap(chunk, left, right)
    return " " in gap or "/" in gap or (len(left.group()) >= 10 and len(right.group()) >= 10)


def _gap(chunk: str, left: re.Match[str], right: re.Match[str]) -> str:
    return chunk[left.end() : right.start()]


def _explicit(digits: str, region: str, lenient: bool) -> str | None:
    """A number that was written with `+` or `00`.

    A valid one in either reading goes first: `+8 701 …` and `+701…` are slips of people who meant a number of their
    own country. Only then does a possible length do, for numbers newer than the metadata.
    """
    international = digits[2:] if _has_exit_code(digits) else digits
    if not lenient:
        return _e164_if_valid(f"+{international}", None) or _bare(digits, region)
    if international != digits and len(international) < 9:
        return None
    return _e164_if_possible(f"+{international}")


def _bare(digits: str, region: str) -> str | None:
    """A number without a sign of its country: of the region, or of another country in full."""
    own = _own_in_full(digits, region) or _e164_if_valid(digits, region) or _after_eight(digits, region)
    if own or len(digits) not in _BARE_INTERNATIONAL_DIGITS or _is_personal_id(digits, region):
        return own
    number = _parse(f"+{digits}", None)
    if number is None or _e164(number) != f"+{digits}" or digits in _SEQUENCE:
        return None
    if phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in _SUBSCRIBER_TYPES:
        return _e164(number)
    # The region's own code of two or more digits in front is hardly chance, so a possible length does here too.
    code = str(phonenumbers.country_code_for_region(region))
    return _e164_if_possible(f"+{digits}") if len(code) > 1 and digits.startswith(code) else None


def _own_in_full(digits: str, region: str) -> str | None:
    """A number with its own country's code, where what follows the trunk code could begin so too, as in Germany."""
    code = str(phonenumbers.country_code_for_region(region))
    if len(code) == 1 or len(digits) not in _BARE_INTERNATIONAL_DIGITS or not digits.startswith(code):
        return None
    return _e164_if_valid(f"+{digits}", None)


def _after_eight(digits: str, region: str) -> str | None:
    """A number written with the trunk code 8, which all of the Soviet Union had, and which people there still write.

    It may stand before the trunk code of today (`8 067 …` in Ukraine), before a number of Russia or Kazakhstan, and as
    `8 10` before one of any other country.
    """
    if region not in _ONCE_TRUNK_EIGHT or not digits.startswith("8"):
        return None
    if digits.startswith("80"):
        return _e164_if_valid(digits[1:], region)
    if digits.startswith("810") and (abroad := _e164_if_valid(f"+{digits[3:]}", None)):
        return abroad
    return _e164_if_valid(f"+7{digits[1:]}", None) if len(digits) == 11 else None


def _is_personal_id(digits: str, region: str) -> bool:
    """A Kazakh personal id (ИИН): twelve digits, a birthday in front, then the century and sex as 1 to 6.

    Without this, whoever was born on 12 October 1986 would have a landline in Beijing.
    """
    if region != "KZ" or len(digits) != 12 or digits[6] not in "0123456":
        return False
    try:
        date(2000 + int(digits[:2]) % 4, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return True


def _e164_if_valid(text: str, region: str | None) -> str | None:
    number = _parse(text, region)
    return _e164(number) if number is not None and phonenumbers.is_valid_number(number) else None


def _e164_if_possible(text: str) -> str | None:
    """A number of a possible length, but not one that forms are filled with (`+7 000 …`, `+7 123 456 78 90`)."""
    number = _parse(text, None)
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    national = phonenumbers.national_significant_number(number)
    filler = len(set(national)) == 1 or national in _SEQUENCE
    return None if filler else _e164(number)


@lru_cache(maxsize=4_096)
def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
