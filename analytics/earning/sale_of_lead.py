"""A deal's sale, derived from its lead. Pure functions on unsaved rows; no database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from analytics.earning.tellings import Kinds
from analytics.models import Sale, SaleStatus
from leads.deals.facts import utm_place
from leads.models import Lead
from leads.news import UTM_COLUMNS, WON_STATUS_ID
from leads.people import phones_of


def is_sold(lead: Lead) -> bool:
    """Won by the CRM's own word. A hook's word alone is not enough to record money."""
    return lead.current_status_id == WON_STATUS_ID and lead.is_stage_confirmed and not lead.is_deleted


def is_decided(lead: Lead) -> bool:
    """Whether the CRM itself has said where the deal stands: hearsay changes no sale that there is."""
    return lead.is_stage_confirmed or lead.is_deleted


def lay_lead(sale: Sale, lead: Lead, *, pipelines: Mapping[int, str], currency: str, now: datetime) -> None:
    """Make the sale what the lead says now, except who is credited.

    :param pipelines: the names of pipelines by id.
    :param currency: in which the lead's price is, ISO 4217.
    """
    sale.lead_id = lead.pk
    sale.client_name = lead.contact_name or lead.name or lead.deal_name[:300]
    sale.client_phones = phones_of(lead)
    sale.client_phone = next(iter(sale.client_phones), lead.phone)
    for column in UTM_COLUMNS:
        setattr(sale, column, getattr(lead, column))
    sale.utm_place = utm_place(lead)[:500]
    if _is_price_confirmed(lead) or sale.pk is None:
        sale.amount, sale.currency = lead.price or Decimal(0), currency
    if is_decided(lead):
        _lay_stage(sale, lead, pipelines, now)


def _lay_stage(sale: Sale, lead: Lead, pipelines: Mapping[int, str], now: datetime) -> None:
    sale.amocrm_pipeline_id, sale.amocrm_status_id = lead.current_pipeline_id, lead.current_status_id
    if not is_sold(lead):
        sale.status = SaleStatus.CANCELLED
        return
    sale.status = SaleStatus.PAID
    sale.sold_at = lead.amocrm_closed_at or lead.amocrm_updated_at or now
    if lead.current_pipeline_id is not None:
        sale.product = pipelines.get(lead.current_pipeline_id) or sale.product


def _is_price_confirmed(lead: Lead) -> bool:
    """Whether the price is from a reading of the deal, or no newer than the last one, or what that says too: a hook
    may be a second ahead of what the API tells as the time of the change."""
    if lead.price_at is None or lead.price == lead.read_price:
        return True
    return lead.read_updated_at is not None and lead.price_at <= lead.read_updated_at


def lay_kinds(sale: Sale, kinds: Kinds) -> None:
    sale.takes_traffic, sale.takes_referral = kinds.traffic, kinds.referral
