"""Money to the cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Half-up to 0.01. Sums that SQLite added, as floats, are exact again."""
    return amount.quantize(CENT, ROUND_HALF_UP)
