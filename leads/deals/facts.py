"""Laying snapshots onto a lead's row: for each value the newest news that told it wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime

from django.utils import timezone

from leads.models import Lead, LeadSource, UserAccount
from leads.news import UTM_KEYS, ContactSnapshot, DealSnapshot, Utm
from leads.people import is_erased, pseudonym
from leads.phones import phones_in
from leads.told import told


def lay_deal(lead: Lead, snapshots: Sequence[DealSnapshot]) -> None:
    """Take over what the snapshots say of the deal, except its stage (that follows from the history)."""
    for snapshot in sorted(snapshots, key=_by_age):
        _lay_timed(lead, snapshot)
        if snapshot.created_at is not None:
            lead.amocrm_created_at = snapshot.created_at
        if snapshot.read_at is not None:
            _lay_reading(lead, snapshot)


def _by_age(snapshot: DealSnapshot) -> tuple[bool, datetime | None, bool, datetime | None]:
    # Deals without a time come first: they tell nothing that could be compared. Readings come after hearsay.
    told, read = snapshot.updated_at, snapshot.read_at
    return told is not None, told, read is not None, read


def _is_newer(snapshot: DealSnapshot, known: datetime | None) -> bool:
    if snapshot.updated_at is None:
        return False
    if known is None or snapshot.updated_at > known:
        return True
    return snapshot.updated_at == known and snapshot.read_at is not None


def _lay_timed(lead: Lead, snapshot: DealSnapshot) -> None:
    if snapshot.price is not None and _is_newer(snapshot, lead.price_at):
        lead.price, lead.price_at = snapshot.price, snapshot.updated_at
    if snapshot.utm and _is_newer(snapshot, lead.utm_at):
        lead.deal_utm, lead.utm_at = _utm_as_dict(snapshot.utm), snapshot.updated_at
    if _is_newer(snapshot, lead.amocrm_updated_at):
        lead.amocrm_updated_at = snapshot.updated_at
        if snapshot.name is not None and not is_erased(lead):
            lead.deal_name = snapshot.name[:500]


def _lay_reading(lead: Lead, snapshot: DealSnapshot) -> None:
    """What only the CRM itself can say. Readings are laid in the order in which they were made."""
    if snapshot.is_deleted is not None:
        _lay_fate(lead, snapshot.is_deleted, snapshot.read_at)
    if snapshot.updated_at is None or (lead.read_updated_at and snapshot.updated_at < lead.read_updated_at):
        return
    lead.read_updated_at = snapshot.updated_at
    lead.amocrm_closed_at = snapshot.closed_at
    lead.read_price = snapshot.price
    if snapshot.contact_ids and snapshot.contact_ids[0] != lead.amocrm_contact_id:
        lead.amocrm_contact_id, lead.contact_at = snapshot.contact_ids[0], None


def _lay_fate(lead: Lead, is_deleted: bool, read_at: datetime | None) -> None:
    """A reading may wait for its turn while another worker reads again, and follows a merge. A time that is yet to come
    is one of a clock that was wrong, and overtakes nothing."""
    known = lead.fate_read_at
    is_overtaken = known is not None and read_at is not None and read_at < known <= timezone.now()
    if is_deleted != lead.is_deleted and not is_overtaken:
        lead.is_deleted, lead.fate_read_at = is_deleted, read_at


def lay_contact(lead: Lead, contacts: Sequence[ContactSnapshot], account: UserAccount, erased: Set[str]) -> bool:
    """Remember the phones (E.164) of the deal's contacts, those of the main one first, and what that is called: by the
    newest that was told of it. True when a phone came that the deal did not have.

    :param erased: the phones whose people asked to be forgotten. Of them the deal learns the pseudonyms, and no name.
    """
    had = list(lead.contact_phones)
    typed_as = phones_typed(contacts, account.phone_region)
    if is_erased(lead) or erased & typed_as.keys():
        lead.contact_phones = list(dict.fromkeys([*had, *(pseudonym(account.pk, phone) for phone in typed_as)]))
        lead.contact_name = lead.contact_phone = lead.deal_name = ""
    else:
        lead.contact_phones = list(dict.fromkeys([*had, *typed_as]))
        for contact in contacts:
            if contact.contact_id == lead.amocrm_contact_id and not _is_older(contact, lead.contact_at):
                _lay_main_contact(lead, contact, account.phone_region)
        lead.contact_phone = lead.contact_phone or next(iter(typed_as.values()), "")[:255]
        lead.contact_name = lead.contact_name or next((contact.name for contact in contacts), "")[:300]
    return not set(lead.contact_phones) <= set(had)


def _is_older(contact: ContactSnapshot, known: datetime | None) -> bool:
    return known is not None and contact.updated_at is not None and contact.updated_at < known


def _lay_main_contact(lead: Lead, contact: ContactSnapshot, region: str) -> None:
    lead.contact_at = contact.updated_at or lead.contact_at
    lead.contact_name = contact.name[:300] or lead.contact_name
    own = phones_typed([contact], region)
    if own:
        # The others in an order that does not depend on which of them came first.
        lead.contact_phones = [*own, *sorted(set(lead.contact_phones) - own.keys())]
        lead.contact_phone = next(iter(own.values()))[:255]


def phones_typed(contacts: Iterable[ContactSnapshot], region: str) -> dict[str, str]:
    """The phones of contacts in E.164, in order, each with the text in which it was found."""
    found: dict[str, str] = {}
    for contact in contacts:
        for typed in contact.phones:
            for phone in phones_in(typed, region):
                found.setdefault(phone.e164, typed)
    return found


def settle(lead: Lead) -> None:
    """Columns that follow from others: a row made for a deal shows the deal's client, and every row its UTM."""
    if lead.source == LeadSource.AMOCRM:
        lead.name = (lead.contact_name or lead.deal_name)[:300]
        lead.phone = lead.contact_phone
        lead.phone_e164 = lead.contact_phones[0] if lead.contact_phones else None
    settle_utm(lead)


def settle_utm(lead: Lead) -> None:
    """The UTM columns show the deal's own values, else those that the response brought."""
    values = lead.deal_utm if any(lead.deal_utm.get(key) for key in UTM_KEYS) else lead.own_utm
    for key in UTM_KEYS:
        setattr(lead, f"utm_{key}", str(values.get(key, ""))[:500])


def utm_place(lead: Lead) -> str:
    """Where the UTM that the lead shows stood, as `told`; empty where it has none."""
    if any(lead.deal_utm.get(key) for key in UTM_KEYS):
        return str(lead.deal_utm.get("place") or "")
    return told("the ad response") if any(getattr(lead, f"utm_{key}") for key in UTM_KEYS) else ""


def _utm_as_dict(utm: Utm) -> dict[str, str]:
    return {key: getattr(utm, key) for key in (*UTM_KEYS, "place")}
