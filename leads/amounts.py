"""How amounts and numbers are written for people: in their language, wherever they stand."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format

from leads.cents import CENTS_BELOW, to_cents
from leads.paging import CappedCount

SYMBOLS = {
    "AMD": "֏", "AZN": "₼", "BRL": "R$", "BYN": "Br", "CNY": "¥", "EUR": "€", "GBP": "£", "GEL": "₾", "ILS": "₪",
    "INR": "₹", "KGS": "сом", "KZT": "₸", "MDL": "L", "PLN": "zł", "RUB": "₽", "TRY": "₺", "UAH": "₴", "USD": "$",
    "UZS": "soʻm",
}  # fmt: skip
NO_BREAK = "\N{NO-BREAK SPACE}"
# A screen reader leaves a hyphen out: a loss would be read as a gain. It is too short beside digits as well.
MINUS = "\N{MINUS SIGN}"


def money(amount: Decimal | None, currency: str) -> str:
    """`100,000 ₸`; cents only where there are any. Nothing for None."""
    if amount is None:
        return ""
    cents = to_cents(amount)
    decimals = 0 if cents == cents.to_integral_value() else 2
    return f"{fixed(cents, decimals)}{NO_BREAK}{SYMBOLS.get(currency, currency)}"


def cents(amount: Decimal, currency: str) -> str:
    """`100,000.00 ₸`, for a column of them."""
    return f"{fixed(to_cents(amount), 2)}{NO_BREAK}{SYMBOLS.get(currency, currency)}"


def whole(amount: Decimal) -> Decimal:
    """Without cents from a thousand on, where they are noise. Half-up, as figures are everywhere."""
    return amount if abs(amount) < CENTS_BELOW else amount.quantize(Decimal(1), ROUND_HALF_UP)


def fixed(value: Decimal | int, decimals: int) -> str:
    """`-1,234.5` with a real minus sign: grouped as the language does, rounded half-up to so many decimals."""
    # Rounded by us: Django would cut the digits off.
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0  # no -0
    return number_format(rounded, decimals, use_l10n=True, force_grouping=True).replace("-", MINUS)


def number(value: int | None) -> str:
    """`12,345`, grouped as the language does; `10,000+` where counting stopped."""
    if value is None:
        return ""
    return str(value) if isinstance(value, CappedCount) else fixed(value, 0)


def exact(value: Decimal) -> str:
    """All of its digits, and two after the point at least, for a column of them: 501.25, 500.00."""
    return fixed(value, max(2, -int(value.normalize().as_tuple().exponent)))


def share(part: Decimal) -> str:
    """`3.33 %` of 0.0333: all of its digits."""
    percent = (part * 100).normalize()
    return f"{fixed(percent, max(0, -int(percent.as_tuple().exponent)))} %"


def rate(value: Decimal) -> str:
    """`12.5%`: a percentage with one digit."""
    return f"{fixed(value, 1)}%"
