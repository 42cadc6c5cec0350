"""Text in which phones stand → text in which only phones can be read as phones.

People and programs write numbers into links, chat ids, spreadsheet cells and sentences. Each rule here either spells
such a number plainly (`77011234567@c.us` → `+77011234567`) or takes digits away that are no phone (e-mails, dates,
bank cards), so that the reader of groups meets nothing but candidates. No rule knows a country's numbering plan.
"""

from __future__ import annotations

import html
import re
import unicodedata
from decimal import Decimal
from urllib.parse import unquote

MAX_LENGTH = 1_000
"""Characters that are looked at. A phone field is short; what is longer is a text that somebody pasted."""

_BREAK = " ; "
_BARE = re.compile(r"\+?[0-9]{1,20}")

# Marks stand on another character: of the keycap `8️⃣` the digit is left.
_BY_CATEGORY = {"Cf": "", "Me": "", "Mn": "", "Cc": " ", "Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}
_MINUS = "\u2212"
# What people part digits with besides spaces, dots, dashes, slashes and round brackets.
_SEPARATORS = str.maketrans("_•·~[]", "  .-()")

# As URLs write `+`, `-`, `(`, `)` and a space; numbers are copied out of `tel:+7%20(701)%20555-01-02`.
_ESCAPED = re.compile(r"%(?:2[089bd])", re.IGNORECASE)
_WEB_CHAT = re.compile(
    r"(?:https?://)?(?:www\.)?(?:wa\.me|t\.me)/(?:\+|%2b)?(\d{7,15})(?!\w)\S*"
    r"|\S{0,200}[?&](?:phone|number)=(?:\+|%2b)?((?:\d(?:[().-]|%2[089d]){0,3}){7,15})(?!\d)\S*",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://\S+|\bwww\.\S+|\b[a-z0-9-]+(?:\.[a-z0-9-]+){0,5}\.[a-z]{2,10}/\S*", re.IGNORECASE
)
_CALL_LINK = re.compile(r"\b(?:tel|callto|sms)://", re.IGNORECASE)
_TEL_URI = re.compile(r"\btel:(?P<number>[^;,\s]+)(?P<params>(?:;[a-z-]+=[^;,\s]+)+)", re.IGNORECASE)
# The device (`:12`) and agent (`.0:12`) of a WhatsApp id are no part of the number.
_WHATSAPP_ID = re.compile(
    r"(?<![\w.+-])\+?(\d{7,15})(?:\.\d{1,3})?(?::\d{1,5})?@(?:s\.whatsapp\.net|c\.us)\b", re.IGNORECASE
)
_ADDRESS = re.compile(
    r"[^\s@,;<>()/]{0,64}@[a-z][\w.-]*", re.IGNORECASE
)  # e-mails, group ids (`@g.us`, `@lid`), handles
_NOUGHT = re.compile(r"(?<=\d)[oо](?![^\W\d_])|(?<![^\W\d_])[oо](?=\d)", re.IGNORECASE)
_SPREADSHEET = re.compile(r"(?<![\w.,])(\d[.,]\d{1,17})e\+?(\d{1,2})(?!\w)", re.IGNORECASE)
_POINT_ZERO = re.compile(r"(?<![\w.,])(\d{7,15})[.,]0+(?![\w.,])")
_DATE = re.compile(
    r"(?<![\d.\-+(/])\d{1,2}([./])\d{1,2}\1(?:19|20)\d\d(?![\d-])|(?<![\d.\-+(])(?:19|20)\d\d-\d\d-\d\d(?!\d)(?:T\d\d)?"
)
_CLOCK = re.compile(r"(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)")
_CARD = re.compile(r"(?<!\d)(?<!\d[ -])\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?!\d)(?![ -]\d)")
# Ids of people, firms, bank accounts: some are as long as a phone, and begin like one (Moscow's tax ids with 77).
_PERSONAL_ID = re.compile(
    r"\b(?:иин|бин|инн|кпп|огрн|снилс|паспорт|iin|bin|inn|iban|passport|карта|карты|card|р/с|к/с)\b[\s:.#№-]*[a-z]{0,3}[\d-]+",
    re.IGNORECASE,
)
# Order numbers, unless they have the eleven digits of a whole phone: «Заказ 87011234567» means to ring.
_ORDER = re.compile(
    r"(?:\b(?:заказа?|заявк[аи]|сделк[аи]|сч[её]т|договор|order|invoice|deal|lead)\b[\s:.#№-]*|№\s*)"
    r"(?<![\d+])(?!(?:\d[ ()-]{0,2}){11})\d[\d-]{6,30}",
    re.IGNORECASE,
)


def plain_text(text: str) -> str:
    """The text with phones spelled plainly and other digits taken out; at most `MAX_LENGTH` characters are read."""
    if _BARE.fullmatch(text):  # as most are: none of the rules below has anything to say
        return text
    text = _plain_characters(html.unescape(_cut(text)))
    text = _WEB_CHAT.sub(lambda m: f"{_BREAK}+{m[1] or m[2]}{_BREAK}", text)
    text = _CALL_LINK.sub(_BREAK, text)
    text = _LINK.sub(_BREAK, text)
    text = _ESCAPED.sub(lambda m: unquote(m[0]), text)  # links have ended where they end by now
    text = _TEL_URI.sub(_tel_uri, text)
    text = _WHATSAPP_ID.sub(_whatsapp_id, text)
    text = _ADDRESS.sub(_BREAK, text)
    text = _SPREADSHEET.sub(_spreadsheet, text)
    text = _POINT_ZERO.sub(r"\1", text)
    for no_phone in (_DATE, _CLOCK, _PERSONAL_ID, _CARD, _ORDER):
        text = no_phone.sub(_BREAK, text)
    return text.translate(_SEPARATORS)  # not before: addresses are recognised by some


def with_letters_as_digits(text: str) -> str:
    """The text with each letter O that stands at a digit, and at no other letter, as the nought that was meant."""
    return _NOUGHT.sub("0", text)


def _cut(text: str) -> str:
    """The first `MAX_LENGTH` characters, without the number that the cut may have gone through."""
    if len(text) <= MAX_LENGTH:
        return text
    return re.sub(r"[\d\s().+-]{1,40}\Z", "", text[:MAX_LENGTH])


def _plain_characters(text: str) -> str:
    """Digits, pluses, dashes and spaces of all scripts as ASCII; invisible characters gone."""
    return "".join(c if " " <= c <= "~" else _plain_character(c) for c in text)


def _plain_character(c: str) -> str:
    if c == "№":  # NFKC makes "No" of it, which is also a word in front of phones
        return c
    return "".join(_of_category(part) for part in unicodedata.normalize("NFKC", c))


def _of_category(c: str) -> str:
    if c in "\n\r":
        return "\n"
    category = unicodedata.category(c)
    if c == _MINUS:
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(c))
    return _BY_CATEGORY.get(category, c)


def _tel_uri(match: re.Match[str]) -> str:
    """RFC 3966: `tel:03-331-6005;phone-context=+64;ext=7`. A context that is a domain says nothing about the number."""
    params = dict(part.lower().split("=", 1) for part in match["params"].split(";")[1:])
    context = params.get("phone-context", "")
    prefix = context if re.fullmatch(r"\+\d{1,4}", context) and not match["number"].startswith("+") else ""
    extension = f" ext {params['ext']}" if params.get("ext", "").isdigit() else ""
    return f"{_BREAK}{prefix} {match['number']}{extension}{_BREAK}"


def _whatsapp_id(match: re.Match[str]) -> str:
    return f"{_BREAK}+{match[1]}{_BREAK}"


def _spreadsheet(match: re.Match[str]) -> str:
    """`7.7011234567E10` as 77011234567. With under nine digits the cell was shown rounded and the phone is lost."""
    mantissa = match[1].replace(",", ".")
    value = Decimal(mantissa).scaleb(int(match[2]))
    whole = value == value.to_integral_value() and value < Decimal(10) ** 15
    return str(int(value)) if whole and len(mantissa) > 9 else _BREAK
