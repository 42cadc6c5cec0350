"""Reading from amoCRM what a batch of deliveries does not say enough about: a batch per request (law 10)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import RequestError
from integrations.drain.deliveries import Delivery
from integrations.drain.lacking import contacts_told, deals_to_read
from leads.deals.stored import deals_with_phone, known_deals, leads_by_contact
from leads.models import UserAccount
from leads.news import ContactSnapshot, DealSnapshot
from leads.phones import normalise_phone

# Of either kind: each may cost a request of its own, and what more contacts than these have to say is found by a sync.
MOST_ASKED = 20


@dataclass(slots=True)
class Readings:
    """What amoCRM answered. `asked` without an entry in `deals`: reads as 204, merged or gone.
    `refused`: contact id → why amoCRM does not show it to us. `of_contact`: contact id → the deals that were read for
    its sake, though its hook did not name them. `is_cut`: the contacts were too many to be asked for theirs.
    `left`: the deals of a bulk, each of which would have cost a request, that are left to a sync."""

    asked: set[int] = field(default_factory=set)
    deals: dict[int, DealSnapshot] = field(default_factory=dict)
    contacts: dict[int, ContactSnapshot] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    of_contact: dict[int, tuple[int, ...]] = field(default_factory=dict)
    is_cut: bool = False
    left: set[int] = field(default_factory=set)

    def is_gone(self, deal_id: int) -> bool:
        return deal_id in self.asked and deal_id not in self.deals

    def include(self, more: Readings) -> None:
        self.asked |= more.asked
        self.deals |= more.deals
        self.contacts |= more.contacts
        self.refused |= more.refused


def read(client: AmoCRMClient, account: UserAccount, deliveries: Sequence[Delivery]) -> Readings:
    """Read what these deliveries do not say enough about.

    :raises ConditionError: amoCRM is out of reach, blocks, or wants to be reconnected.
    :raises RequestError: amoCRM refuses to show the deals.
    """
    is_bulk = any(delivery.is_bulk for delivery in deliveries)
    readings = read_deals(client, account, deals_to_read(account, deliveries), is_bulk=is_bulk)
    strangers = _strangers(account, deliveries, readings)
    silent = _silent(account, deliveries, readings)
    readings.is_cut = max(len(strangers), len(silent)) > MOST_ASKED
    if 0 < len(strangers) <= MOST_ASKED:
        _read_deals_of(client, account, strangers, readings)
    if 0 < len(silent) <= MOST_ASKED:
        readings.contacts |= contacts_shown(client, silent, refused=readings.refused)
    return readings


def _strangers(account: UserAccount, deliveries: Sequence[Delivery], readings: Readings) -> set[int]:
    """Contacts with a phone, or of which no more than the id is told, that no deal is known to have, and whose hook
    names none: most hooks do not."""
    region = account.phone_region
    told = {
        one.contact_id
        for one in contacts_told(deliveries)
        if not one.deal_ids and (has_phone(one, region) or one.updated_at is None)
    }
    if not told:
        return set()
    known = {lead.amocrm_contact_id for lead in leads_by_contact(account, told).values()}
    return told - known - {contact_id for deal in readings.deals.values() for contact_id in deal.contact_ids}


def _silent(account: UserAccount, deliveries: Sequence[Delivery], readings: Readings) -> set[int]:
    """Contacts of deals without a phone, whose hook tells none either: it may hold less than amoCRM does."""
    told = {one.contact_id for one in contacts_told(deliveries) if not has_phone(one, account.phone_region)}
    leads = leads_by_contact(account, told - readings.contacts.keys()).values() if told else ()
    return {lead.amocrm_contact_id or 0 for lead in leads if not (lead.contact_phones or lead.is_deleted)}


def _read_deals_of(client: AmoCRMClient, account: UserAccount, contact_ids: set[int], readings: Readings) -> None:
    """Into `readings`: those deals of the contacts that we know, and whose client we cannot ring."""
    linked = {one.contact_id: one.deal_ids for one in contacts_shown(client, contact_ids, refused={}).values()}
    leads = known_deals(account, {deal_id for deal_ids in linked.values() for deal_id in deal_ids})
    lonely = {deal_id for deal_id, lead in leads.items() if not (lead.contact_phones or lead.is_deleted)}
    readings.include(read_deals(client, account, sorted(lonely - readings.asked)))
    readings.of_contact = {contact_id: deal_ids for contact_id, deal_ids in linked.items() if deal_ids}


def read_deals(
    client: AmoCRMClient, account: UserAccount, deal_ids: Sequence[int], *, is_bulk: bool = False
) -> Readings:
    """Read the deals, then the contacts of those that have none with a phone yet, as far as amoCRM shows them: without
    rights for contacts the deals are still worth having."""
    readings = Readings(asked=set(deal_ids))
    if not deal_ids:
        return readings
    strangers: set[int] = set()
    readings.deals = client.deals(deal_ids, left=readings.left if is_bulk else None)
    settled = deals_with_phone(account, deal_ids)
    seeking = [deal for deal_id, deal in readings.deals.items() if deal_id not in settled]
    look_up = partial(contacts_shown, client, refused=readings.refused, left=strangers if is_bulk else None)
    readings.contacts = contacts_of(seeking, look_up, account.phone_region)
    for deal in seeking:
        if not strangers.isdisjoint(deal.contact_ids):
            # With its client: in a deal that is known as it is a sync would find no news, and not ask for them.
            readings.left.add(deal.deal_id)
            del readings.deals[deal.deal_id]
    readings.asked -= readings.left
    return readings


def contacts_shown(
    client: AmoCRMClient, ids: Collection[int], *, refused: dict[int, str], left: set[int] | None = None
) -> dict[int, ContactSnapshot]:
    """The contacts by id. Those that amoCRM refuses to show are put into `refused`, with why; into `left`, where it is
    given, those that would cost too many requests.

    One of many is found by halving; where amoCRM shows no contacts at all, that is asked instead.
    """
    try:
        return client.contacts(ids, left=left)
    except RequestError as error:
        if len(ids) == 1 or not _shows_any(client):
            refused.update(dict.fromkeys(ids, str(error)))
            return {}
    ordered = sorted(ids)
    middle = len(ordered) // 2
    first = contacts_shown(client, ordered[:middle], refused=refused, left=left)
    return first | contacts_shown(client, ordered[middle:], refused=refused, left=left)


def _shows_any(client: AmoCRMClient) -> bool:
    try:
        client.first_page("contacts")
    except RequestError:
        return False
    return True


def contacts_of(
    deals: Iterable[DealSnapshot], look_up: Callable[[set[int]], dict[int, ContactSnapshot]], region: str
) -> dict[int, ContactSnapshot]:
    """The contacts whose phones count for these deals: the main one, and the others where it has no phone."""
    linked = [deal.contact_ids for deal in deals if deal.contact_ids]
    main = {ids[0] for ids in linked}
    found = look_up(main) if main else {}
    others = {contact_id for ids in linked if not has_phone(found.get(ids[0]), region) for contact_id in ids[1:]}
    return found | (look_up(others) if others else {})


def has_phone(contact: ContactSnapshot | None, region: str) -> bool:
    return contact is not None and any(normalise_phone(phone, region) for phone in contact.phones)
