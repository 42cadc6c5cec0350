"""Money for people."""

from __future__ import annotations

from decimal import Decimal

SIGNS = {
    "KZT": "₸",
    "RUB": "₽",
    "USD": "$",
    "EUR": "€",
    "UAH": "₴",
    "KGS": "с",
    "UZS": "сўм",
    "BYN": "Br",
    "GEL": "₾",
    "TRY": "₺",
}


def money(amount: Decimal, currency: str) -> str:
    """Thousands by commas, cents only where there are some, the currency's sign behind.

    >>> money(Decimal("100000.00"), "KZT")
    '100,000 ₸'
    >>> money(Decimal("-1234.5"), "USD")
    '-1,234.50 $'
    """
    is_whole = amount == amount.to_integral_value()
    return f"{amount:,.{0 if is_whole else 2}f} {SIGNS.get(currency, currency)}"
