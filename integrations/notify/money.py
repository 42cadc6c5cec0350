"""Amounts as people read them in a message."""

from __future__ import annotations

from decimal import Decimal

from leads.amounts import SYMBOLS
from leads.cents import to_cents


def money(amount: Decimal, currency: str) -> str:
    """`100,000 ₸`, `99.50 $`; the code where a currency has no symbol of its own."""
    cents = to_cents(amount)
    shown = f"{cents:,.0f}" if cents == cents.to_integral_value() else f"{cents:,.2f}"
    return f"{shown} {SYMBOLS.get(currency.upper(), currency)}".strip()
