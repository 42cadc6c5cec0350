"""UTM values of a deal, from the first place that holds any.

The places, best first: fields with amoCRM's own codes, fields that the account mapped, fields named like UTM, the
query of a URL in a field or a list of them in its text, tags. One place gives all five: mixing the source of one with
the campaign of another would invent a campaign that nobody ran.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import unquote, unquote_plus

from integrations.amocrm.fields import Field
from integrations.amocrm.values import MAX_TEXT, legible, text_of, unescape
from leads.news import UTM_KEYS, Utm
from leads.told import told

_NOTHING = frozenset({"none", "(none)", "null", "(null)", "undefined", "(undefined)", "-", "–", "—", "(not set)"})
# In a query (`utm_source=fb&…`), or as forms and programs list them in a text: a line for each, or a row of them with
# commas, semicolons or bars between, or JSON.
_IN_QUERY = re.compile(
    rf"""(?<![\w-])utm[_-]({"|".join(UTM_KEYS)})(?:
        =(?P<coded>[^&#\s"<>]*?)(?=[&#\s"<>]|\Z|[;,|](?:\s|\Z|utm[_-])|;[\w-]+=)
        |(?:["']?\s?:|[ ]=)[ ]{{0,3}}["']?(?P<plain>[^\r\n"]*?)(?=[\r\n"]|\Z|[;,|/]?\s{{0,3}}["']?utm[_-])
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_TAG = re.compile(r"([^:=]{1,40})[:=](.*)", re.DOTALL)
# A value that a site took out of an address or a cookie as it stood there: no spaces and no letters but Latin ones, and
# a field may have cut it short within an escape.
_ENCODED = re.compile(r"(?:[\w.~!*'()+-]|%[0-9A-F]{2})*(?:%[0-9A-F]?)?", re.ASCII | re.IGNORECASE)
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DE]|3\d|[46][1-9A-F]|[57][0-9A]|5F)", re.IGNORECASE)
_GOES_ON = re.compile(r"&[\w.-]+=")
_SPELLINGS = {f"utm{key}": key for key in UTM_KEYS}
_MAX_PLACE = 120

_Found: TypeAlias = tuple[str, str, str]
"""UTM key, value, and where it stood."""


def utm_of(fields: Iterable[Field], tags: Iterable[str], mapping: Mapping[str, str] | None = None) -> Utm:
    """The UTM values of a deal's fields and tags; an empty `Utm` where no place holds any.

    `mapping` is the account's own: field id or name (any case) → UTM key (`utm_source` or `source`). `none`, `(none)`,
    `null` and their like are no values. Of a key that a place holds twice the first value counts.
    """
    fields = tuple(fields)
    places = (_by_code(fields), _by_mapping(fields, mapping or {}), _by_name(fields), *_by_url(fields), _by_tag(tags))
    return next((utm for utm in map(_utm, places) if utm), Utm())


def utm_key_of(name: str, code: str) -> str:
    """The UTM key (`utm_source`) by which a field of this name and code is found without a mapping; else empty."""
    key = _SPELLINGS.get(_letters(code)) or _SPELLINGS.get(_letters(name))
    return f"utm_{key}" if key else ""


def _utm(found: Iterable[_Found]) -> Utm:
    values: dict[str, str] = {}
    place = ""
    for key, raw, where in found:
        value = text_of(_decoded(text_of(raw)))
        if value and value.casefold() not in _NOTHING and key not in values:
            values[key] = value
            place = place or where
    return Utm(**values, place=place[:_MAX_PLACE])


def _decoded(value: str) -> str:
    """`%D0%B2%D0%B5%D1%81%D0%BD%D0%B0+2026` as `весна 2026`; what no browser and no PHP would write so stays."""
    if "%" not in value or not _ENCODED.fullmatch(value) or _NEEDLESS_ESCAPE.search(value):
        return value
    whole = re.sub(r"%.?\Z", "", value)
    plain = legible(unquote_plus(whole, errors="surrogateescape")).removesuffix("\ufffd")
    return plain if "%" in whole and "\ufffd" not in plain else value


def _by_code(fields: tuple[Field, ...]) -> Iterator[_Found]:
    for field in fields:
        if key := _SPELLINGS.get(_letters(field.code)):
            where = told('field "%(name)s" (code %(code)s)') % {"name": field.name, "code": field.code}
            yield from ((key, value, where) for value in field.values)


def _by_mapping(fields: tuple[Field, ...], mapping: Mapping[str, str]) -> Iterator[_Found]:
    keys = {str(name).strip().casefold(): _key(utm_key) for name, utm_key in mapping.items()}
    for field in fields:
        if key := keys.get(str(field.field_id)) or keys.get(field.name.casefold()):
            where = told('field "%(name)s" (mapped by the account)') % {"name": field.name}
            yield from ((key, value, where) for value in field.values)


def _by_name(fields: tuple[Field, ...]) -> Iterator[_Found]:
    for field in fields:
        if key := _SPELLINGS.get(_letters(field.name)):
            where = told('field "%(name)s"') % {"name": field.name}
            yield from ((key, value, where) for value in field.values)


def _by_url(fields: tuple[Field, ...]) -> Iterator[Iterator[_Found]]:
    """Each URL is a place of its own."""
    for field in fields:
        for value in field.values:
            yield _in_query(value, told('URL in field "%(name)s"') % {"name": field.name})


def _by_tag(tags: Iterable[str]) -> Iterator[_Found]:
    for tag in tags:
        where = told('tag "%(tag)s"') % {"tag": tag}
        if _GOES_ON.search(unescape(tag)):
            yield from _in_query(tag, where)
        elif (match := _IN_TAG.fullmatch(tag)) and (key := _SPELLINGS.get(_letters(match[1]))):
            yield key, match[2], where


def _in_query(text: str, where: str) -> Iterator[_Found]:
    # Escaped once by the form that made it and once more by amoCRM: `&amp;amp;` is met.
    plain = unescape(unescape(text))
    if not _IN_QUERY.search(plain):  # it may be the address within that of a redirect
        plain = unquote(plain, errors="surrogateescape")
    for match in _IN_QUERY.finditer(plain):
        coded = match["coded"]
        value = match["plain"].strip(" ',;|}") if coded is None else unquote_plus(coded, errors="surrogateescape")
        yield match[1].lower(), legible(value)[:MAX_TEXT], where


def _key(utm_key: object) -> str | None:
    letters = _letters(str(utm_key))
    return _SPELLINGS.get(letters) or (letters if letters in UTM_KEYS else None)


@lru_cache(maxsize=4096)  # an account has the same few fields in every delivery
def _letters(name: str) -> str:
    """`UTM Source`, `utm-source` and `utm_source:` as `utmsource`."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())
