"""Stored leads, looked up by what they are known by.

Each look-up has one condition, and asks for no order: SQLite, which guesses where it has no statistics, would rather
walk through all leads of the account in that order, or to test both of two conditions, than look some up in an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet

from leads.models import Lead, UserAccount


class KnownDeal(NamedTuple):
    """The columns of a deal's lead by which it is decided whether the CRM has to be asked about it."""

    amocrm_lead_id: int
    amocrm_contact_id: int | None
    contact_phones: list[str]
    current_pipeline_id: int | None
    current_status_id: int | None
    price: Decimal | None
    deal_utm: dict[str, Any]
    is_deleted: bool
    amocrm_updated_at: datetime | None
    read_updated_at: datetime | None


def known_deals(account: UserAccount, deal_ids: Iterable[int]) -> dict[int, KnownDeal]:
    """amoCRM deal id → what is known of the deal. The other forty columns would take longer than all these."""
    found = _found(account, amocrm_lead_id__among=deal_ids).values_list(*KnownDeal._fields)
    return {deal.amocrm_lead_id: deal for deal in map(KnownDeal._make, found)}


def leads_by_deal(account: UserAccount, deal_ids: Iterable[int]) -> dict[int, Lead]:
    """amoCRM deal id → the lead in which the deal stands."""
    found = _found(account, amocrm_lead_id__among=deal_ids)
    return {lead.amocrm_lead_id: lead for lead in found if lead.amocrm_lead_id is not None}


def leads_by_contact(account: UserAccount, contact_ids: Iterable[int]) -> dict[int, Lead]:
    """amoCRM deal id → the lead, for the deals whose main contact is one of these."""
    found = _found(account, amocrm_contact_id__among=contact_ids)
    return {lead.amocrm_lead_id: lead for lead in found if lead.amocrm_lead_id is not None}


def leads_by_phone(account: UserAccount, phones: Iterable[str]) -> Sequence[Lead]:
    """Leads, with a deal or without, that show one of these phones (E.164)."""
    return list(_found(account, phone_e164__among=phones))


def repeats_of(account: UserAccount, origin_ids: Iterable[int]) -> QuerySet[Lead]:
    """The repeat purchases of these leads."""
    return _found(account, origin_lead__id__among=origin_ids)


def deals_with_phone(account: UserAccount, deal_ids: Iterable[int]) -> set[int]:
    """Those of the deals whose client can be rung, as far as is known."""
    found = _found(account, amocrm_lead_id__among=deal_ids).values_list("amocrm_lead_id", "contact_phones")
    return {deal_id for deal_id, phones in found if deal_id is not None and phones}


def _found(account: UserAccount, **condition: object) -> QuerySet[Lead]:
    return Lead.objects.filter(user_account=account, **condition).order_by()
