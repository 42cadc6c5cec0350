"""What single cells mean, from JSON or CSV alike. Each function returns None for an empty cell and raises Senseless."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from analytics.models.spend import validate_day
from leads.cents import MOST_AMOUNT, to_cents
from leads.ids import MAX_ID

_NUMBER = re.compile(r"\d{1,40}(\.\d{1,40})?")
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_SPACES = str.maketrans("", "", " \u00a0\u202f")


class Senseless(ValueError):
    """A cell that cannot be meant. The message is for people."""


def text(value: object, name: str, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise Senseless(_("%(name)s: use a text.") % {"name": name})
    found = str(value).strip()
    # Databases take neither zero bytes nor halves of characters.
    if len(found) > longest or "\x00" in found or any("\ud800" <= sign <= "\udfff" for sign in found):
        raise Senseless(_("%(name)s: use a text of at most %(n)s characters.") % {"name": name, "n": longest})
    return found or None


def day(value: object) -> date | None:
    typed = value.strip() if isinstance(value, str) else value
    if typed in (None, ""):
        return None
    try:
        found = date.fromisoformat(typed) if isinstance(typed, str) and len(typed) == 10 else None
    except ValueError:
        found = None
    if found is None:
        raise Senseless(_("day: “%(value)s” is no day such as 2026-03-31.") % {"value": _shown(value)})
    try:
        validate_day(found)
    except ValidationError as error:
        raise Senseless(f"day: {error.messages[0]}") from error
    return found


def number(value: object, name: str) -> Decimal | None:
    """A number from 0 up. In texts spaces between digits are no matter, and a comma may stand for the point."""
    typed = str(value).translate(_SPACES) if isinstance(value, str) else value
    if typed in (None, ""):
        return None
    if isinstance(typed, str):
        typed = typed.replace(",", ".") if _DECIMAL_COMMA.fullmatch(typed) else typed
        found = Decimal(typed) if _NUMBER.fullmatch(typed) and typed.isascii() else None
    elif isinstance(typed, int | float) and not isinstance(typed, bool):
        found = Decimal(str(typed))
    else:
        found = None
    if found is None or not found.is_finite() or found < 0:
        raise Senseless(_("%(name)s: “%(value)s” is no number from 0 up.") % {"name": name, "value": _shown(value)})
    return found


def amount(value: object) -> Decimal | None:
    """Money, half-up to 0.01."""
    found = number(value, "amount")
    if found is None:
        return None
    if found > MOST_AMOUNT:
        raise Senseless(_("amount: “%(value)s” is too much.") % {"value": _shown(value)})
    return to_cents(found)


def whole(value: object, name: str) -> int | None:
    found = number(value, name)
    if found is None:
        return None
    if found != found.to_integral_value() or found > MAX_ID:
        raise Senseless(_("%(name)s: “%(value)s” is no whole number.") % {"name": name, "value": _shown(value)})
    return int(found)


def currency(value: object) -> str | None:
    typed = value.strip().upper() if isinstance(value, str) else value
    if typed in (None, ""):
        return None
    if not (isinstance(typed, str) and len(typed) == 3 and typed.isascii() and typed.isalpha()):
        raise Senseless(_("currency: “%(value)s” is none. Use three letters such as KZT.") % {"value": _shown(value)})
    return typed


def _shown(value: object) -> str:
    shown = str(value).encode(errors="replace").decode()
    return shown if len(shown) <= 40 else f"{shown[:40]}…"
