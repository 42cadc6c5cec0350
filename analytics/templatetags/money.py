"""Money in pages: `{{ amount|money:currency }}` → `100,000 ₸`."""

from __future__ import annotations

from decimal import Decimal

from django import template

from analytics.money_text import money as money_text

register = template.Library()


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    return money_text(amount or Decimal(0), currency)


@register.filter
def rate(percent: Decimal) -> str:
    """`10 %`, `12.5 %`."""
    return f"{percent.normalize():f} %"
