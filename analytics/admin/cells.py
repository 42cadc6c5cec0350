"""Cells that the pages about money share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from analytics.earning.credit import credited_conversion
from analytics.earning.ledger import commission_due
from analytics.models import ConversionStatus, Routing, Sale, SaleStatus
from analytics.pages.sales import STATUS_KINDS
from leads.admin.looks import EMPTY, badge, link, pairs
from leads.amounts import money
from leads.told import retold

ROUTING_BADGES = {
    Routing.TRAFFIC: "info",
    Routing.REFERRAL: "primary",
    Routing.BOTH: "good",
    Routing.UNKNOWN: "warn",
}
CONVERSION_BADGES = {
    ConversionStatus.ACTIVE: "good",
    ConversionStatus.WAITING: "warn",
    ConversionStatus.REVERSED: "bad",
    ConversionStatus.SELF_REFERRAL: "info",
}


def amount_cell(amount: Decimal, currency: str) -> SafeString:
    return format_html('<span class="v-money">{}</span>', money(amount, currency))


def status_badge(sale: Sale) -> SafeString:
    status = SaleStatus(sale.status)
    return badge(status.label, STATUS_KINDS[status])


def routing_badge(decision: str, reason: str) -> SafeString:
    """Of a sale, or of a delivery."""
    if not decision:
        return SafeString(EMPTY)
    return badge(Routing(decision).label, ROUTING_BADGES[Routing(decision)], retold(reason)[:300])


def referrer_text(sale: Sale) -> str:
    """The referrer who is credited, or the code that nobody has; empty where the sale came by none."""
    conversion = credited_conversion(sale)
    return str(conversion.referrer or conversion.code) if conversion else ""


def earners_cell(sale: Sale) -> SafeString:
    """What each of those who are credited earns: a targetologist the amount, a referrer a commission of it."""
    shown: list[tuple[str, Any]] = []
    if sale.targetologist:
        shown.append((gettext("targetologist"), f"{sale.targetologist} · {money(sale.amount, sale.currency)}"))
    if conversion := credited_conversion(sale):
        commission = commission_due(conversion, sale)
        is_active = conversion.status == ConversionStatus.ACTIVE
        what = money(commission, sale.currency) if is_active else conversion.get_status_display()
        shown.append((gettext("referrer"), f"{conversion.referrer or conversion.code} · {what}"))
    return pairs(shown)


def row_link(row: Any, text: Any = None) -> SafeString:
    """The admin's page of a row; the bare text where there is none."""
    if row is None:
        return SafeString(EMPTY)
    shown = row if text is None else text
    try:
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return format_html("{}", shown)
    return link(address, shown)


def deliveries_link(deal_id: int, text: Any) -> SafeString:
    """The deliveries that told of a deal. Their page belongs to the layer above, so it is known by its name only."""
    try:
        address = reverse("admin:integrations_webhooklog_changelist")
    except NoReverseMatch:
        return format_html("{}", text)
    return link(f"{address}?q={deal_id}", text)
