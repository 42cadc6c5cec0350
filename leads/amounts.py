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
MINUS = "\N{MINUS SIGN}"


def written(value: Decimal | int | str, decimals: int | None = None) -> str:
    """`12,345.6`, grouped and pointed as the language does, with a minus that is no hyphen: no line breaks behind that,
    and it is read aloud."""
    return number_format(value, decimals, use_l10n=True, force_grouping=True).replace("-", MINUS)


def money(amount: Decimal | None, currency: str) -> str:
    """`100,000 ₸`; cents only where there are any. Nothing for None."""
    if amount is None:
        return ""
    cents = to_cents(amount)
    decimals = 0 if cents == cents.to_integral_value() else 2
    return f"{written(cents, decimals)}{NO_BREAK}{SYMBOLS.get(currency, currency)}"


def whole(amount: Decimal) -> Decimal:
    """Without cents from a thousand on, where they are noise. Half-up, as figures are everywhere."""
    return amount if abs(amount) < CENTS_BELOW else amount.quantize(Decimal(1), ROUND_HALF_UP)


def number(value: int | None) -> str:
    """`12,345`, grouped as the language does; `10,000+` where counting stopped."""
    if value is None:
        return ""
    return str(value) if isinstance(value, CappedCount) else written(value)


def exact(value: Decimal) -> str:
    """All of its digits, and two after the point at least, for a column of them: 501.25, 500.00."""
    digits = max(2, -int(value.normalize().as_tuple().exponent))
    return written(f"{value:.{digits}f}")


def share(part: Decimal) -> str:
    """`3.33 %` of 0.0333: all of its digits."""
    percent = (part * 100).normalize()
    digits = max(0, -int(percent.as_tuple().exponent))
    return f"{written(f'{percent:f}', digits)} %"


def rate(value: Decimal) -> str:
    """`12.5%`: a percentage with one digit."""
    # It cuts digits; 56.79 is 56.8.
    return f"{written(Decimal(value).quantize(Decimal('0.1'), ROUND_HALF_UP), 1)}%"
