"""The price of a deal, which amoCRM tells as a whole number and, on newer accounts, once more with its cents."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.amocrm.values import amount_of


def price_in(lead: Mapping[str, Any]) -> Decimal | None:
    """The price of a lead of a hook or of the API, to the cent; None where none is told, 0 where it was emptied.

    ValueError, for people, when a price is told that is no amount.
    """
    exact = lead.get("price_with_minor_units")
    if exact not in (None, "") and (amount := amount_of(exact)) is not None:
        return amount
    if "price" not in lead:
        return None
    amount = amount_of(lead["price"])
    if amount is None:
        raise ValueError(f"price {quoted(lead['price'])} is no amount")
    return amount


def quoted(raw: object) -> str:
    """A value of a body for a problem text: short, and of a structure only its kind."""
    text = raw if isinstance(raw, str) else type(raw).__name__ if isinstance(raw, (dict, list)) else str(raw)
    return f'"{text[:60]}"'
