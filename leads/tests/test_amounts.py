"""Amounts, numbers and rates as people read them, in the language of the page."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from leads.amounts import NO_BREAK, exact, money, number, rate, share, whole


def shown(written: str) -> str:
    """With plain spaces."""
    assert " " not in written, "a line may break there"
    return written.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("language", "amount", "currency", "expected"),
    [
        ("en", "100000", "KZT", "100,000 ₸"),
        ("en", "100000.50", "KZT", "100,000.50 ₸"),
        ("ru", "100000.50", "KZT", "100 000,50 ₸"),
        ("ru", "100000.00", "RUB", "100 000 ₽"),
        ("en", "1.005", "XAU", "1.01 XAU"),
        ("en", "-2500", "KGS", "−2,500 сом"),
        ("en", "0", "USD", "0 $"),
    ],
)
def test_money_is_grouped_and_has_cents_only_where_there_are_some(
    language: str, amount: str, currency: str, expected: str
) -> None:
    with translation.override(language):
        assert shown(money(Decimal(amount), currency)) == expected


def test_no_money_is_nothing() -> None:
    assert money(None, "KZT") == ""


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("999.99", "999.99"), ("1000.49", "1000"), ("1000.50", "1001"), ("-1000.50", "-1001"), ("-999.99", "-999.99")],
)
def test_cents_are_noise_from_a_thousand_on(amount: str, expected: str) -> None:
    assert str(whole(Decimal(amount))) == expected


@pytest.mark.parametrize(
    ("language", "value", "expected"),
    [("en", 12345, "12,345"), ("ru", 12345, "12 345"), ("en", 0, "0"), ("en", -5, "−5"), ("en", None, "")],
)
def test_numbers_are_grouped(language: str, value: int | None, expected: str) -> None:
    with translation.override(language):
        assert shown(number(value)) == expected


@pytest.mark.parametrize(
    ("language", "value", "expected"),
    [
        ("en", "501.25", "501.25"),
        ("en", "500", "500.00"),
        ("en", "500.0000", "500.00"),
        ("en", "0.00015", "0.00015"),
        ("ru", "12345.678", "12 345,678"),
    ],
)
def test_a_rate_of_exchange_loses_no_digit(language: str, value: str, expected: str) -> None:
    with translation.override(language):
        assert shown(exact(Decimal(value))) == expected


@pytest.mark.parametrize(
    ("language", "part", "expected"),
    [("en", "0.1000", "10 %"), ("en", "0.0333", "3.33 %"), ("ru", "0.0333", "3,33 %"), ("ru", "1", "100 %")],
)
def test_a_share_has_all_of_its_digits_and_no_more(language: str, part: str, expected: str) -> None:
    with translation.override(language):
        assert share(Decimal(part)) == expected


@pytest.mark.parametrize(
    ("language", "value", "expected"),
    [
        ("en", "56.79", "56.8%"),
        ("en", "56.75", "56.8%"),
        ("en", "12", "12.0%"),
        ("ru", "12.5", "12,5%"),
        ("en", "-1234.56", "−1,234.6%"),
        ("en", "-0.04", "0.0%"),
    ],
)
def test_a_percentage_has_one_digit_half_up(language: str, value: str, expected: str) -> None:
    with translation.override(language):
        assert shown(rate(Decimal(value))) == expected
