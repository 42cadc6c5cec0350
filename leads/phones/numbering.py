"""Which digits are a phone number: numbering plans, which `phonenumbers` knows, and how much to believe.

A number written internationally (`+`, `00`, a WhatsApp id) says itself what it is and needs only a possible length.
Bare digits have to be a valid number of the account's region, or of another country in full, or they are an order
number, a date or somebody's personal id. Regions are ISO 3166 codes (`KZ`); what is no number is None.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

MIN_DIGITS, MAX_DIGITS = 7, 16
_BARE_INTERNATIONAL_DIGITS = range(11, 14)
# WhatsApp, and people, still write Mexico's mobiles with the `1` that the numbering plan dropped in 2019.
_OLD_MEXICAN = re.compile(r"((?:00)?52)1(\d{10})")
_ONCE_TRUNK_EIGHT = frozenset({"AM", "AZ", "BY", "GE", "KG", "MD", "TJ", "TM", "UA", "UZ"})
_SEQUENCE = "012345678901234567890"
_SUBSCRIBER_TYPES = frozenset(
    {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)


def number_of(digits: str, region: str, *, is_international: bool, is_lenient: bool) -> str | None:
    """The number that these digits, `MIN_DIGITS` to `MAX_DIGITS`, are, as E.164.

    :param is_international: it was written with `+` or `00`.
    :param is_lenient: of an international one, that its length is possible is enough.
    """
    if mexican := _OLD_MEXICAN.fullmatch(digits):
        digits = mexican[1] + mexican[2]
    return _international(digits, region, is_lenient) if is_international else _bare(digits, region)


def has_exit_code(digits: str) -> bool:
    """Whether they begin with the `00` that is dialled for another country."""
    return digits.startswith("00") and not digits.startswith("000")


def national_digits(e164: str) -> str:
    """The number without its country code."""
    return str(phonenumbers.parse(e164).national_number)


@lru_cache(maxsize=1024)  # the deals of one phone are matched together
def display_phone(e164: str) -> str:
    """E.164 as people read it: `+7 701 123 4567`. What is no E.164 comes back as it was."""
    number = _parse(e164, None)
    return e164 if number is None else phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _international(digits: str, region: str, is_lenient: bool) -> str | None:
    """A valid one in either reading goes first: `+8 701 …` and `+701…` are slips of people who meant a number of their
    own country. Only then does a possible length do, for numbers newer than the metadata.
    """
    international = digits[2:] if has_exit_code(digits) else digits
    if not is_lenient:
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
