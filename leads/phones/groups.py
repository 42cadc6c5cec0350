"""Where in a text the numbers are: which groups of digits belong together, and what only looks like a number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leads.phones.numbering import MAX_DIGITS, MIN_DIGITS, has_exit_code, national_digits, number_of

_MAX_ATTEMPTS = 400
"""Readings tried per value: enough for dozens of numbers, and a bound on what a page of digits can cost."""

# So many digits without a space or slash between them are a number each: `87015550102-87025550103`.
_LONG_GROUP = 10
_CHUNK = re.compile(r"\+*[\s(]*\d(?:[ ().\-/]*\d)*")
_GROUP = re.compile(r"\d+")
_EXTENSION = re.compile(
    r"[\s,;()]{0,5}(?:доб(?:авочный|ав)?\.?|вн(?:утр(?:енний)?)?\.?|ext(?:ension|n)?\.?|[xх#])\s{0,3}[:№#=]?\s{0,3}(\d{1,7})(?!\d)",
    re.IGNORECASE,
)


def numbers_in(plain: str, region: str) -> Iterator[tuple[str, str]]:
    """E.164 and extension (digits or empty) of each number in a plain text, in order."""
    attempts = _Attempts(region)
    for match in _CHUNK.finditer(plain):
        numbers = list(_numbers_of(_Chunk(match.group()), attempts))
        extension = _EXTENSION.match(plain, match.end())
        for position, e164 in enumerate(numbers, start=1):
            last = position == len(numbers)
            yield e164, extension[1] if extension and last else ""


class _Attempts:
    """Readings of digits in one region, counted."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.left = _MAX_ATTEMPTS

    def read(self, digits: str, *, is_international: bool, is_lenient: bool) -> str | None:
        if not MIN_DIGITS <= len(digits) <= MAX_DIGITS or self.left <= 0:
            return None
        self.left -= 1
        return number_of(digits, self.region, is_international=is_international, is_lenient=is_lenient)


class _Chunk:
    """Groups of digits that only spaces, dots, dashes, slashes and brackets part: mostly one number, sometimes several.

    A span of groups is named by its first one and the one behind its last.
    """

    def __init__(self, text: str) -> None:
        matches = list(_GROUP.finditer(text))
        self.groups = [match.group() for match in matches]
        self.has_plus = text.startswith("+")
        edges = [*(match.start() for match in matches[1:]), len(text)]
        self._gaps = [text[match.end() : edge] for match, edge in zip(matches, edges, strict=True)]

    def digits(self, start: int, end: int) -> str:
        return "".join(self.groups[start:end])

    def is_slash_before(self, group: int) -> bool:
        return group > 0 and "/" in self._gaps[group - 1]

    def is_over_slash(self, start: int, end: int) -> bool:
        return any("/" in gap for gap in self._gaps[start : end - 1])

    def is_whole_between_slashes(self, start: int, end: int) -> bool:
        """Whether the span neither begins nor ends in the middle of what stands between two slashes."""
        begins = start == 0 or self.is_slash_before(start)
        return begins and (end == len(self.groups) or self.is_slash_before(end))

    def digits_left(self, end: int) -> int:
        """How many follow a span, up to a slash: what is after that (`701-555-01-02/03`) is of a second number."""
        slashes = (group for group in range(end, len(self.groups)) if self.is_slash_before(group))
        return len(self.digits(end, next(slashes, len(self.groups))))

    def possible_ends(self, start: int) -> list[int]:
        """Where a number that begins here may end, the farthest first: at the chunk's end, and at a gap that can part
        two numbers."""
        ends: list[int] = []
        length = 0
        for group in range(start, len(self.groups)):
            length += len(self.groups[group])
            if length > MAX_DIGITS:
                break
            if group + 1 == len(self.groups) or self._parts_numbers(group):
                ends.append(group + 1)
        return ends[::-1]

    def _parts_numbers(self, group: int) -> bool:
        gap = self._gaps[group]
        return " " in gap or "/" in gap or min(len(self.groups[group]), len(self.groups[group + 1])) >= _LONG_GROUP


def _numbers_of(chunk: _Chunk, attempts: _Attempts) -> Iterator[str]:
    is_rest_of_unread = False
    start = 0
    while start < len(chunk.groups):
        is_international = (start == 0 and chunk.has_plus) or has_exit_code(chunk.groups[start])
        found = _longest(chunk, start, is_international, attempts)
        if found and not (is_rest_of_unread and _is_without_prefix(chunk.digits(start, found[1]), found[0])):
            e164, start = found
            is_rest_of_unread = False
            yield e164
        else:
            is_rest_of_unread = is_rest_of_unread or (start == 0 and is_international)
            start += 1
            if chunk.is_slash_before(start):
                is_rest_of_unread = False


def _longest(chunk: _Chunk, start: int, is_international: bool, attempts: _Attempts) -> tuple[str, int] | None:
    """The number that begins at a group, the most groups that make one; with where the next may begin."""
    ends = chunk.possible_ends(start)
    over_slash = {end: chunk.is_over_slash(start, end) for end in ends}
    if not is_international:  # a second number behind a slash, or the end of one, is no part of the first
        ends = sorted(ends, key=over_slash.__getitem__)
    for is_lenient in (False, True) if is_international else (False,):
        for end in ends:
            digits = chunk.digits(start, end)
            if over_slash[end] and not chunk.is_whole_between_slashes(start, end):
                continue
            e164 = attempts.read(digits, is_international=is_international, is_lenient=is_lenient)
            if e164 and over_slash[end] and not is_international and e164.endswith(digits):
                continue  # `70155/50102` is a contract, `0171/1234567` and `8/701/555-01-02` have a trunk code in front
            if e164 and not (end - start > 1 and _is_torn_off(chunk, end, digits, e164)):
                return e164, end
    return None


def _is_torn_off(chunk: _Chunk, end: int, digits: str, e164: str) -> bool:
    """Whether several groups without trunk or country code are but the beginning of something else.

    `972 50 123 45` is a number of Moscow's mobile operators, and `972 50 123 45 67` one of Israel that is too new.
    """
    return 0 < chunk.digits_left(end) < MIN_DIGITS and _is_without_prefix(digits, e164)


def _is_without_prefix(digits: str, e164: str) -> bool:
    """Whether the digits are a number's national ones alone. After a `+7` that could not be read they are no number
    of their own: `+7 701 555 01 0` lacks a digit, and is not Uzbekistan's `70 155 50 10`."""
    return digits == national_digits(e164)
