"""Deliveries that speak of a person, and taking their bodies away."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from integrations.amocrm.payloads import ParsedDelivery, parse_delivery
from integrations.drain.deliveries import Delivery
from integrations.models import ProcessingStatus, WebhookLog
from leads.deals.apply import lock_account
from leads.deals.facts import phones_typed
from leads.models import ErasedPhone, Lead, UserAccount
from leads.people import Person, erased_among, is_erased, national_digits

_CHUNK = 200
_NO_DIGIT = re.compile(rb"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|[^0-9]")
# Entities that are no deal and no contact (messages, tasks) name theirs under these.
_REFERENCE = re.compile(r"lead_id|contact_id|element_id|entity_id")


def deliveries_about(person: Person, since: datetime | None = None) -> Iterator[WebhookLog]:
    """Every delivery that names one of the person's deals, contacts or phones. Reads all bodies of the account;
    with `since` only of what was done with from then on, or waits."""
    deliveries = WebhookLog.objects.filter(user_account=person.account).order_by("pk")
    if since is not None:
        deliveries = deliveries.filter(Q(processed_at__gte=since) | Q(processing_status=ProcessingStatus.RECEIVED))
    last = 0
    while batch := list(deliveries.filter(pk__gt=last)[:_CHUNK]):
        yield from (delivery for delivery in batch if _is_about(delivery, person))
        last = batch[-1].pk


def _is_about(delivery: WebhookLog, person: Person) -> bool:
    if delivery.lead_id in person.deal_ids:
        return True
    body = bytes(delivery.raw_body)
    digits = _NO_DIGIT.sub(b"", body)
    if any(number.encode() in digits for number in national_digits(person.numbers)):
        return True
    ids = person.deal_ids | person.contact_ids
    if not any(str(number).encode() in body for number in ids):
        return False
    parsed = parse_delivery(body, delivery.content_type)
    return (
        not person.deal_ids.isdisjoint(_deals_in(parsed))
        or not person.contact_ids.isdisjoint(_contacts_in(parsed))
        or any(str(number) in _references(parsed.data) for number in ids)
    )


def _deals_in(parsed: ParsedDelivery) -> set[int]:
    return {news.snapshot.deal_id for news in parsed.deals} | {
        deal_id for news in parsed.contacts for deal_id in news.snapshot.deal_ids
    }


def _contacts_in(parsed: ParsedDelivery) -> set[int]:
    return {news.snapshot.contact_id for news in parsed.contacts} | {
        contact_id for news in parsed.deals for contact_id in news.snapshot.contact_ids
    }


def _references(node: object) -> set[str]:
    """The ids under keys that refer to a deal or contact, however deep they stand."""
    if not isinstance(node, (dict, list)):
        return set()
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    found: set[str] = set()
    for key, value in pairs:
        if isinstance(value, (dict, list)):
            found |= _references(value)
        elif _REFERENCE.fullmatch(str(key)):
            found.add(str(value))
    return found


def take_body(delivery: WebhookLog, parsed: ParsedDelivery) -> int:
    """Empty a delivery; outcomes stay, and which deals it told of. What waits keeps its body until it was applied.

    How many were emptied: 0 or 1.
    """
    rows = WebhookLog.objects.filter(pk=delivery.pk, erased_at=None)
    return rows.exclude(processing_status=ProcessingStatus.RECEIVED).update(
        raw_body=b"", deal_data=outline(parsed), erased_at=timezone.now()
    )


def outline(parsed: ParsedDelivery) -> dict[str, Any]:
    """Which deals and contacts a delivery told of, with stage and time: nothing of who they are.

    In the shape of a body, and read as one by those who ask whether a change had been told.
    """
    leads: dict[str, list[dict[str, int]]] = defaultdict(list)
    contacts: dict[str, list[dict[str, int]]] = defaultdict(list)
    for deal in parsed.deals:
        told = deal.snapshot
        stage = {"pipeline_id": told.pipeline_id, "status_id": told.status_id}
        leads[deal.action.value].append(_known({"id": told.deal_id, "updated_at": told.updated_at, **stage}))
    for contact in parsed.contacts:
        at = contact.snapshot.updated_at
        contacts[contact.action].append(_known({"id": contact.snapshot.contact_id, "updated_at": at}))
    return {"leads": leads, "contacts": contacts}


def _known(values: dict[str, int | datetime | None]) -> dict[str, int]:
    """Those that are told; moments in seconds, as hooks have them."""
    return {
        name: int(value.timestamp()) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def take_bodies_of_erased(account: UserAccount, deliveries: Sequence[Delivery]) -> None:
    """Of deliveries that are just done with, empty those that speak of people who asked to be forgotten. Inside the
    transaction that ends them."""
    lock_account(account)  # so that an erasure comes before this and is known, or after it and finds them done with
    if not ErasedPhone.objects.filter(user_account=account).exists():
        return
    deal_ids = {deal_id for delivery in deliveries for deal_id in _deals_in(delivery.parsed)}
    contact_ids = {contact_id for delivery in deliveries for contact_id in _contacts_in(delivery.parsed)}
    named = Q(amocrm_lead_id__in=deal_ids) | Q(amocrm_contact_id__in=contact_ids)
    erased = [lead for lead in Lead.objects.filter(named, user_account=account) if is_erased(lead)]
    erased_deals, erased_contacts = (
        {lead.amocrm_lead_id for lead in erased},
        {lead.amocrm_contact_id for lead in erased},
    )
    contacts = [news.snapshot for delivery in deliveries for news in delivery.parsed.contacts]
    phones = erased_among(account, phones_typed(contacts, account.phone_region))
    for delivery in deliveries:
        if (
            not erased_deals.isdisjoint(_deals_in(delivery.parsed))
            or not erased_contacts.isdisjoint(_contacts_in(delivery.parsed))
            or phones & phones_typed([n.snapshot for n in delivery.parsed.contacts], account.phone_region).keys()
        ):
            take_body(delivery.log, delivery.parsed)
