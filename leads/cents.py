"""Money to the cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
# SQLite keeps no more digits, and of an amount that has more it breaks every list in which it stands.
MOST_AMOUNT = Decimal("999999999999999.99")
# Where people read amounts that run to thousands, cents are noise.
CENTS_BELOW = 1000


def to_cents(amount: Decimal) -> Decimal:
    """Half-up to 0.01. Sums that SQLite added, as floats, are exact again."""
    return amount.quantize(CENT, ROUND_HALF_UP)
