"""A hook's body, of whatever kind, as one dictionary that PostgreSQL's `jsonb` accepts."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from integrations.amocrm.brackets import decode_form, unfolded
from integrations.amocrm.values import legible
from leads.told import told

MAX_DEPTH = 40
_GZIP = b"\x1f\x8b\x08"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BETWEEN_QUOTES = re.compile('[^"]+')
_LONGEST_NUMBER = 30


class Decoded(NamedTuple):
    """`data` is ready to be stored. `problems`, for people, says what could not be read."""

    data: dict[str, Any]
    problems: tuple[str, ...] = ()


def decode_body(body: bytes, content_type: str) -> Decoded:
    """A form or a JSON body. Its first character decides before its content type does, for senders mix them up.

    JSON that is no object stands under `"_"`. Never raises; what can be read as neither is `{}` with a problem.
    """
    if problem := _foreign_kind(body, content_type):
        return Decoded({}, (problem,))
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return Decoded({})
    says_json = "json" in content_type.lower()
    if text[:1] not in b"{[" and not (says_json and b"=" not in text):
        return Decoded(decode_form(text))
    try:
        return Decoded(_object(_load(text)))
    except (ValueError, RecursionError) as error:
        if b"=" in text and not says_json:
            return Decoded(decode_form(text))
        return Decoded({}, (told("the body is no JSON that can be read: %(why)s") % {"why": _reason(error)},))


def _foreign_kind(body: bytes, content_type: str) -> str:
    """What a body is that amoCRM never sends: somebody between has made it so. Empty for all else."""
    if body.startswith(_GZIP):
        return told("the body is compressed (gzip): have it sent as it is")
    if body.lstrip().startswith(b"--") and "multipart/" in content_type.lower():
        return told("the body is multipart: have it sent as a form or as JSON")
    return ""


def _load(body: bytes) -> object:
    return json.loads(_text(body), parse_int=_int, parse_float=_float, parse_constant=str)


def _text(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    text = body.decode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")
    # Whatever put it together may have taken one text for UTF-8 and another from where it was Windows-1251.
    return text if body.isascii() else _BETWEEN_QUOTES.sub(lambda m: legible(m[0]), text)


def _reason(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else _UNSTORABLE.sub("\ufffd", str(error))[:200]


def _int(digits: str) -> int | str:
    """A number beyond any id or amount stays text: Python refuses the longest, and no column would take them."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _object(value: object) -> dict[str, Any]:
    clean = _storable(value, 0)
    return unfolded(clean) if isinstance(clean, dict) else {"_": clean}


def _storable(value: object, depth: int) -> Any:
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
        return "(nested too deep)"
    if isinstance(value, dict):
        return {_storable_text(key): _storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    return value


def _storable_text(text: str) -> str:
    return _UNSTORABLE.sub(lambda m: "" if m[0] == "\x00" else "\ufffd", text)
