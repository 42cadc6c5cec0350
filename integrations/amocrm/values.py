"""Single values of amoCRM as Python's: ids, times, amounts and texts, in hooks (all strings) and in the API alike.

Each reader takes anything and answers None for what is not what it should be. Nothing here raises.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from leads.cents import MOST_AMOUNT, to_cents
from leads.ids import MAX_ID

MAX_TEXT = 1_000
"""Characters kept of a name or a UTM value; no person reads on, and no index takes more."""

_FUTURE = timedelta(days=1)
_DIGITS = re.compile(r"[0-9]{1,19}")
_AMOUNT = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{0,40})?")
_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,32};")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NO_UTF_8 = re.compile("[\udc80-\udcff]+")
# Two bytes side by side that stand so in no UTF-8, and in none that was cut short; in Windows-1251 they are letters.
_WINDOWS_1251 = re.compile("[\udcc0-\udcff]{2}")


def id_of(raw: object) -> int | None:
    """A positive id that fits a bigint."""
    number = _integer(raw)
    return number if number is not None and 0 < number <= MAX_ID else None


def time_of(raw: object, now: datetime | None = None) -> datetime | None:
    """Unix seconds (or milliseconds) as UTC. None for text dates, zero, and what is over a day in the future.

    A time years ahead would be the newest news for ever: nothing true could overwrite it.
    """
    seconds = _integer(raw)
    if seconds is None or seconds <= 0:
        return None
    if seconds >= 10**12:
        seconds //= 1000
    latest = (now or datetime.now(UTC)) + _FUTURE
    return datetime.fromtimestamp(seconds, UTC) if seconds <= latest.timestamp() else None


def amount_of(raw: object) -> Decimal | None:
    """Money to the cent. Empty or null is an emptied field, so 0; what is no amount, or beyond 15 digits, is None."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return Decimal(0)
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Decimal)):
        return None
    try:
        amount = Decimal(_amount_text(raw) if isinstance(raw, str) else str(raw))
    except (InvalidOperation, ValueError):
        return None
    if not amount.is_finite() or abs(amount) > MOST_AMOUNT:
        return None
    return to_cents(amount)


def text_of(raw: object, at_most: int = MAX_TEXT) -> str:
    """A text as people wrote it: HTML entities resolved, trimmed, storable, at most so long. Else empty."""
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        return ""
    text = raw if isinstance(raw, str) else repr(raw)
    text = unescape(text[: 4 * at_most])
    # What is not storable is not printable either, and that is quickly seen.
    return (text if text.isprintable() else _UNSTORABLE.sub("", text)).strip()[:at_most]


def legible(text: str) -> str:
    """Text that was decoded as UTF-8 with `surrogateescape`, as Windows-1251 where it is that, as old sites and
    programs write Russian. Other bytes that are no UTF-8 become U+FFFD."""
    if _WINDOWS_1251.search(text):
        return text.encode("utf-8", "surrogateescape").decode("cp1251", "replace")
    return _NO_UTF_8.sub("\ufffd", text)


def unescape(text: str) -> str:
    """HTML entities resolved, but only those that end with a semicolon.

    `html.unescape` alone also takes `&region=…` of a URL for `®ion=…`, and `&copy=…` for `©=…`.
    """
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def _integer(raw: object) -> int | None:
    if isinstance(raw, str):
        text = raw.strip()
        return int(text) if _DIGITS.fullmatch(text) else None
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 2**53:
        return int(raw)
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _amount_text(text: str) -> str:
    """`1 250,50`, `1,250.50` and `1.250,50` with a point before the cents; raises ValueError for no amount.

    A lone comma parts cents when one or two digits follow it, else thousands. A lone point always parts cents.
    """
    plain = re.sub(r"[\s'’]", "", text)
    comma, point = plain.rfind(","), plain.rfind(".")
    cents_after_comma = comma > point and (point >= 0 or len(plain) - comma in (2, 3)) and plain.count(",") == 1
    if cents_after_comma:
        plain = plain.replace(".", "").replace(",", ".")
    else:
        plain = plain.replace(",", "")
        plain = plain.replace(".", "") if plain.count(".") > 1 else plain
    if not _AMOUNT.fullmatch(plain):
        raise ValueError(text)
    return plain
