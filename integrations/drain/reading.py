"""What the deliveries do not say enough about, and reading it from amoCRM: a batch per request (law 10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import RequestError
from integrations.amocrm.payloads import DealNews
from integrations.drain.deliveries import Delivery
from leads.deals.stored import deals_with_phone, leads_by_contact, leads_by_deal
from leads.models import Lead, UserAccount
from leads.news import UTM_KEYS, WON_STATUS_ID, ContactSnapshot, DealAction, DealSnapshot
from leads.phones import normalise_phone

_NO_UTM = ("",) * len(UTM_KEYS)
# Each may cost a request of its own; the deals of more contacts than these are found by a sync.
MOST_STRANGERS = 20


@dataclass(slots=True)
class Readings:
    """What amoCRM answered. `asked` without an entry in `deals`: reads as 204, merged or gone.
    `refused`: contact id → why amoCRM does not show it to us. `of_contact`: contact id → the deals that were read for
    its sake, though its hook did not name them. `is_cut`: there may be more of these."""

    asked: set[int] = field(default_factory=set)
    deals: dict[int, DealSnapshot] = field(default_factory=dict)
    contacts: dict[int, ContactSnapshot] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    of_contact: dict[int, tuple[int, ...]] = field(default_factory=dict)
    is_cut: bool = False

    def is_gone(self, deal_id: int) -> bool:
        return deal_id in self.asked and deal_id not in self.deals


def news_by_deal(deliveries: Iterable[Delivery]) -> dict[int, list[DealNews]]:
    """All that the batch tells, deal by deal: what is read, is read once for all of it."""
    told: dict[int, list[DealNews]] = defaultdict(list)
    for delivery in deliveries:
        for news in delivery.parsed.deals:
            told[news.snapshot.deal_id].append(news)
    return told


def deals_to_read(account: UserAccount, deliveries: Sequence[Delivery]) -> list[int]:
    """The deals that the deliveries name and do not say enough about."""
    told = news_by_deal(deliveries)
    known = leads_by_deal(account, told)
    wanted = [deal_id for deal_id, news in told.items() if needs_reading(news, known.get(deal_id))]
    return wanted + _deals_without_client(account, deliveries, set(wanted))


def needs_reading(news: Sequence[DealNews], lead: Lead | None) -> bool:
    """Whether the CRM itself has to be asked about a deal, given what was told and what is stored."""
    if lead is None:
        return any(item.action is not DealAction.DELETED for item in news)
    if any(_says_too_little(item) for item in news):
        return not (lead.is_deleted and all(item.action is DealAction.DELETED for item in news))
    if lead.is_deleted:
        return True
    newest = max(item.snapshot.updated_at for item in news if item.snapshot.updated_at is not None)
    has_client = bool(lead.contact_phones or lead.amocrm_contact_id)
    known = lead.read_updated_at
    # Whoever makes a deal may link its contact within the same second, but after the reading.
    is_known = known is not None and (newest < known or (newest == known and has_client))
    if is_known and not _contradicts(news, lead):
        return False
    touches_money = lead.current_status_id == WON_STATUS_ID or any(item.snapshot.is_won for item in news)
    return touches_money or not has_client or _contradicts(news, lead)


def _says_too_little(item: DealNews) -> bool:
    if item.action in (DealAction.DELETED, DealAction.MENTIONED):
        return True
    snapshot = item.snapshot
    return snapshot.updated_at is None or snapshot.status_id is None or snapshot.pipeline_id is None


def _contradicts(news: Sequence[DealNews], lead: Lead) -> bool:
    """Within one second of amoCRM's clock two different states were told: only the CRM knows which is the present.

    What was read in that second counts as told: the deal may have changed after the reading and before the second
    was over.
    """
    newest = max((item.snapshot.updated_at for item in news if item.snapshot.updated_at), default=None)
    if lead.amocrm_updated_at and newest and newest < lead.amocrm_updated_at:
        return False
    told = [item.snapshot for item in news if item.snapshot.updated_at == newest]
    stages = {(snapshot.pipeline_id, snapshot.status_id) for snapshot in told}
    prices = {snapshot.price for snapshot in told}
    utms = {tuple(getattr(snapshot.utm, key) for key in UTM_KEYS) for snapshot in told if snapshot.utm}
    if lead.amocrm_updated_at == newest:
        stages.add((lead.current_pipeline_id, lead.current_status_id))
        prices.add(lead.price)
        utms.add(tuple(str(lead.deal_utm.get(key) or "") for key in UTM_KEYS))
    return len(stages) > 1 or len(prices - {None}) > 1 or len(utms - {_NO_UTM}) > 1


def _deals_without_client(account: UserAccount, deliveries: Sequence[Delivery], already: set[int]) -> list[int]:
    """Known deals that a contact hook names, and whose client we have not learnt yet, or cannot ring."""
    told = _contacts_told(deliveries)
    linked = {deal_id: contact for contact in told for deal_id in contact.deal_ids if deal_id not in already}
    if not linked:
        return []
    leads = leads_by_deal(account, linked)
    return [deal_id for deal_id, lead in leads.items() if _lacks(lead, linked[deal_id].contact_id)]


def _lacks(lead: Lead, contact_id: int) -> bool:
    return lead.amocrm_contact_id is None or (not lead.contact_phones and lead.amocrm_contact_id != contact_id)


def _contacts_told(deliveries: Iterable[Delivery]) -> list[ContactSnapshot]:
    return [news.snapshot for one in deliveries for news in one.parsed.contacts if news.action != "delete"]


def read(client: AmoCRMClient, account: UserAccount, deliveries: Sequence[Delivery]) -> Readings:
    """Read what these deliveries do not say enough about.

    :raises ConditionError: amoCRM is out of reach, blocks, or wants to be reconnected.
    :raises RequestError: amoCRM refuses to show the deals.
    """
    readings = _read_deals(client, account, deals_to_read(account, deliveries))
    strangers = _strangers(account, deliveries, readings)
    readings.is_cut = len(strangers) > MOST_STRANGERS
    if strangers and not readings.is_cut:
        _read_deals_of(strangers, client, account, readings)
    return readings


def _strangers(account: UserAccount, deliveries: Sequence[Delivery], readings: Readings) -> set[int]:
    """Contacts with a phone that no deal is known to have, and whose hook names none: most hooks do not."""
    region = account.phone_region
    told = {one.contact_id for one in _contacts_told(deliveries) if not one.deal_ids and has_phone(one, region)}
    if not told:
        return told
    known = {lead.amocrm_contact_id for lead in leads_by_contact(account, told).values()}
    return told - known - {contact_id for deal in readings.deals.values() for contact_id in deal.contact_ids}


def _read_deals_of(contact_ids: set[int], client: AmoCRMClient, account: UserAccount, readings: Readings) -> None:
    """Those of their deals that we know, and whose client we cannot ring."""
    linked = {one.contact_id: one.deal_ids for one in contacts_shown(client, contact_ids, refused={}).values()}
    leads = leads_by_deal(account, {deal_id for deal_ids in linked.values() for deal_id in deal_ids})
    lonely = {deal_id for deal_id, lead in leads.items() if not (lead.contact_phones or lead.is_deleted)}
    more = _read_deals(client, account, sorted(lonely - readings.asked))
    readings.asked |= more.asked
    readings.deals |= more.deals
    readings.contacts |= more.contacts
    readings.refused |= more.refused
    readings.of_contact = {contact_id: deal_ids for contact_id, deal_ids in linked.items() if deal_ids}


def _read_deals(client: AmoCRMClient, account: UserAccount, deal_ids: Sequence[int]) -> Readings:
    """Read the deals, then the contacts of those that have none with a phone yet, as far as amoCRM shows them: without
    rights for contacts the deals are still worth having."""
    readings = Readings(asked=set(deal_ids))
    if not deal_ids:
        return readings
    readings.deals = client.deals(deal_ids)
    settled = deals_with_phone(account, deal_ids)
    seeking = [deal for deal_id, deal in readings.deals.items() if deal_id not in settled]
    look_up = partial(contacts_shown, client, refused=readings.refused)
    readings.contacts = contacts_of(seeking, look_up, account.phone_region)
    return readings


def contacts_shown(
    client: AmoCRMClient, ids: Collection[int], *, refused: dict[int, str]
) -> dict[int, ContactSnapshot]:
    """The contacts by id. Those that amoCRM refuses to show are put into `refused`, with why.

    One of many is found by halving; where amoCRM shows no contacts at all, that is asked instead.
    """
    try:
        return client.contacts(ids)
    except RequestError as error:
        if len(ids) == 1 or not _shows_any(client):
            refused.update(dict.fromkeys(ids, str(error)))
            return {}
    ordered = sorted(ids)
    middle = len(ordered) // 2
    first = contacts_shown(client, ordered[:middle], refused=refused)
    return first | contacts_shown(client, ordered[middle:], refused=refused)


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
