"""What the deliveries do not say enough about, so that amoCRM itself has to be asked. Reads our own rows only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from integrations.amocrm.payloads import DealNews
from integrations.drain.deliveries import Delivery
from leads.deals.stored import KnownDeal, known_deals
from leads.models import UserAccount
from leads.news import UTM_KEYS, WON_STATUS_ID, ContactSnapshot, DealAction

_NO_UTM = ("",) * len(UTM_KEYS)


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
    known = known_deals(account, told)
    wanted = [deal_id for deal_id, news in told.items() if needs_reading(news, known.get(deal_id))]
    return wanted + _deals_without_client(account, deliveries, set(wanted))


def needs_reading(news: Sequence[DealNews], lead: KnownDeal | None) -> bool:
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
    is_unclear = _contradicts(news, newest, lead)
    if is_known and not is_unclear:
        return False
    touches_money = lead.current_status_id == WON_STATUS_ID or any(item.snapshot.is_won for item in news)
    return touches_money or not has_client or is_unclear


def _says_too_little(item: DealNews) -> bool:
    if item.action in (DealAction.DELETED, DealAction.MENTIONED):
        return True
    snapshot = item.snapshot
    return snapshot.updated_at is None or snapshot.status_id is None or snapshot.pipeline_id is None


def _contradicts(news: Sequence[DealNews], newest: datetime, lead: KnownDeal) -> bool:
    """Within one second of amoCRM's clock two different states were told: only the CRM knows which is the present.

    What was read in that second counts as told: the deal may have changed after the reading and before the second
    was over.
    """
    if lead.amocrm_updated_at and newest < lead.amocrm_updated_at:
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
    told = contacts_told(deliveries)
    linked = {deal_id: contact for contact in told for deal_id in contact.deal_ids if deal_id not in already}
    if not linked:
        return []
    leads = known_deals(account, linked)
    return [deal_id for deal_id, lead in leads.items() if _lacks(lead, linked[deal_id].contact_id)]


def _lacks(lead: KnownDeal, contact_id: int) -> bool:
    return lead.amocrm_contact_id is None or (not lead.contact_phones and lead.amocrm_contact_id != contact_id)


def contacts_told(deliveries: Iterable[Delivery]) -> list[ContactSnapshot]:
    return [news.snapshot for one in deliveries for news in one.parsed.contacts if news.action != "delete"]
