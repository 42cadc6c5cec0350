"""One page of deals or contacts: what of it is news, applied; what fails is tried one by one (law 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import structlog
from django.db import transaction

from integrations.amocrm.entities import deals_in
from integrations.drain.reading import contacts_of, contacts_shown, has_phone
from integrations.lease import LeaseLost
from integrations.sync.lease import Cancelled
from integrations.sync.session import Session
from leads.deals.stored import leads_by_contact, leads_by_deal
from leads.models import Lead
from leads.news import ContactSnapshot, DealSnapshot
from leads.people import is_erased
from leads.phones import phones_in
from leads.turns import is_the_databases

logger = structlog.get_logger(__name__)
T = TypeVar("T", DealSnapshot, ContactSnapshot)


def parse_deals(session: Session, answer: Any, asked_at: datetime) -> Sequence[DealSnapshot]:
    return deals_in(answer, read_at=asked_at, mapping=session.account.utm_mapping)


def apply_deals(session: Session, told: Sequence[DealSnapshot]) -> list[DealSnapshot]:
    """Apply the deals of a page that are not as we have them, with their main contacts, as far as these were read.
    Inside the page's transaction. Returns those for which the phones of other contacts may count.
    """
    told = [replace(deal, evidence=session.evidence) for deal in told]
    before = leads_by_deal(session.account, [deal.deal_id for deal in told])
    news = [deal for deal in told if is_news(deal, before.get(deal.deal_id))]
    seeking = [deal for deal in told if deal.contact_ids and seeks_contacts(deal, before.get(deal.deal_id))]
    book = session.staging.contacts({deal.contact_ids[0] for deal in seeking}) if seeking else {}

    def apply(deals: list[DealSnapshot]) -> None:
        session.ledger.note_deals(before, deals)
        main = {deal.contact_ids[0] for deal in deals if deal.contact_ids}
        session.apply(deals, [book[contact_id] for contact_id in main if contact_id in book])

    _together_or_alone(session, news, apply)
    region = session.account.phone_region
    return [one for one in seeking if len(one.contact_ids) > 1 and not has_phone(book.get(one.contact_ids[0]), region)]


def read_contacts_of(session: Session, deals: Sequence[DealSnapshot]) -> None:
    """Read the contacts that the news among these deals needs and that were not read before. Not in a transaction."""
    before = leads_by_deal(session.account, [deal.deal_id for deal in deals])

    def look_up(ids: set[int]) -> dict[int, ContactSnapshot]:
        found = session.staging.contacts(ids)
        missing = ids - found.keys()
        read = contacts_shown(session.reader.client, missing, refused={}) if missing else {}
        session.staging.keep(read.values())
        return found | read

    news = [deal for deal in deals if is_news(deal, before.get(deal.deal_id))]
    seeking = [deal for deal in news if seeks_contacts(deal, before.get(deal.deal_id))]
    contacts_of(seeking, look_up, session.account.phone_region)


def befriend(session: Session, deals: Sequence[DealSnapshot]) -> None:
    """Try the phones of all contacts of deals whose main contact has none, as far as these were read."""
    leads = leads_by_deal(session.account, [deal.deal_id for deal in deals])
    lonely = [deal for deal in deals if deal.deal_id in leads and not leads[deal.deal_id].contact_phones]
    book = contacts_of(lonely, session.staging.contacts, session.account.phone_region)

    def apply(some: list[DealSnapshot]) -> None:
        links = [DealSnapshot(one.deal_id, contact_ids=one.contact_ids) for one in some]
        session.apply(links, list(book.values()), counts=session.ledger.is_kept)

    _together_or_alone(session, lonely, apply)


def apply_contacts(session: Session, told: Sequence[ContactSnapshot]) -> None:
    """Apply the contacts of a page that some lead does not know as they are, and keep all for the deals to come."""
    book = {contact.contact_id: contact for contact in told}
    leads = leads_by_contact(session.account, book)
    stale = [
        lead
        for lead in leads.values()
        if _is_stale(lead, book[lead.amocrm_contact_id or 0], session.account.phone_region)
    ]
    wanted = {lead.amocrm_contact_id for lead in stale}

    def apply(contacts: list[ContactSnapshot]) -> None:
        ids = {contact.contact_id for contact in contacts}
        mine = [lead for lead in stale if lead.amocrm_contact_id in ids]
        session.ledger.note_contacts([(lead, book[lead.amocrm_contact_id or 0]) for lead in mine])
        # A run that made the leads completes them here: that is no second change.
        session.apply([], contacts, counts=session.ledger.is_kept)

    _together_or_alone(session, [contact for contact in told if contact.contact_id in wanted], apply)
    _offer(session, told)
    session.staging.keep(told)


def _offer(session: Session, contacts: Sequence[ContactSnapshot]) -> None:
    """Contacts that are not the main one of a deal: their phones count where that has none."""
    region = session.account.phone_region
    reachable = [contact for contact in contacts if contact.deal_ids and has_phone(contact, region)]
    of_deal = {deal_id: contact for contact in reachable for deal_id in contact.deal_ids}
    leads = leads_by_deal(session.account, of_deal)
    lonely = [lead for lead in leads.values() if lead.amocrm_contact_id and not lead.contact_phones]
    pairs = [(lead, of_deal[lead.amocrm_lead_id or 0]) for lead in lonely]
    if pairs:
        session.ledger.note_contacts(pairs)
        links = [
            DealSnapshot(lead.amocrm_lead_id or 0, contact_ids=(lead.amocrm_contact_id or 0, contact.contact_id))
            for lead, contact in pairs
        ]
        main = [ContactSnapshot(lead.amocrm_contact_id or 0, name=lead.contact_name) for lead, _contact in pairs]
        session.apply(links, [*main, *dict(pairs).values()])


def seeks_contacts(deal: DealSnapshot, lead: Lead | None) -> bool:
    """Whether nothing is known yet of the deal's client."""
    return lead is None or not lead.contact_phones or lead.amocrm_contact_id not in (None, *deal.contact_ids[:1])


def is_news(deal: DealSnapshot, lead: Lead | None) -> bool:
    """Whether a reading says anything that the lead does not know by an earlier reading."""
    if lead is None or lead.read_updated_at is None or deal.updated_at is None:
        return True
    if deal.updated_at != lead.read_updated_at:
        return deal.updated_at > lead.read_updated_at
    stands = (lead.current_pipeline_id, lead.current_status_id) == (deal.pipeline_id, deal.status_id)
    is_linked = not deal.contact_ids or deal.contact_ids[0] == lead.amocrm_contact_id
    is_priced = deal.price is None or deal.price == lead.price
    return not (stands and is_linked and is_priced and bool(deal.is_deleted) == lead.is_deleted)


def _is_stale(lead: Lead, contact: ContactSnapshot, region: str) -> bool:
    if is_erased(lead):
        return False
    if contact.name and contact.name[:300] != lead.contact_name:
        return True
    known: Mapping[str, object] = dict.fromkeys(lead.contact_phones)
    return any(phone.e164 not in known for typed in contact.phones for phone in phones_in(typed, region))


def _together_or_alone(session: Session, news: list[T], apply: Callable[[list[T]], None]) -> None:
    if not news:
        return
    try:
        with transaction.atomic():
            apply(news)
    except (LeaseLost, Cancelled):
        raise
    except Exception as error:
        # One deal's trouble, of whatever kind, must not stop the others.
        if is_the_databases(error):
            raise
        logger.error("sync_page_failed", run=session.run.pk, account=str(session.account.pk), exc_info=error)
        if len(news) == 1:
            session.run.errors += 1
            return
        middle = len(news) // 2
        _together_or_alone(session, news[:middle], apply)
        _together_or_alone(session, news[middle:], apply)
