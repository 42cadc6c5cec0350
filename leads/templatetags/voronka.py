"""How values are written on pages."""

from __future__ import annotations

from django import template

from leads import amounts
from leads.phones import display_phone
from leads.told import retold

register = template.Library()
register.filter("retold", retold)
for write in (amounts.money, amounts.cents, amounts.whole, amounts.number, amounts.exact, amounts.rate):
    register.filter(write.__name__, write)


@register.filter
def phone(e164: str | None) -> str:
    """`+7 701 123 4567`."""
    return display_phone(e164) if e164 else ""
