"""Erasing a person: everything that says who they are goes, what was sold and counted stays under a pseudonym."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model

from analytics.models import Referrer, Sale
from integrations.amocrm.payloads import parse_delivery
from integrations.models import NotificationState, ProcessingStatus, SaleNotification, WebhookLog
from integrations.notify.message import without_referrer
from integrations.people import rows
from integrations.people.deliveries import deliveries_about, take_body
from leads.clock import shared_now
from leads.deals.apply import lock_account
from leads.models import DealPhone, ErasedPhone, Lead, PersonRequest, PushState, User, UserAccount
from leads.people import Person, find_person, national_digits, phones_of, pseudonym
from leads.told import told

ERASED = told("The person asked to be forgotten.")
# A worker that writes down when it was done with a delivery goes by its own clock.
CLOCKS_DIFFER = timedelta(minutes=10)
_LEAD_COLUMNS = [
    *("name", "phone", "phone_e164", "chat_id", "external_id", "contact_name", "contact_phone", "contact_phones"),
    *("deal_name", "match_detail"),
]


def erase_person(account: UserAccount, phone: str, *, by: User | None) -> PersonRequest:
    """Erase the person with this phone, and keep later news of the CRM from bringing them back.

    Names, phones, chats, messages and the bodies of deliveries go. Leads, history, sales and the ledger stay, under a
    pseudonym by which the person's deals are still seen as one person's. Returns what was written down about it.

    :raises ValidationError: the text holds no phone, or several.
    """
    # Bodies first, outside of the transaction: in a large account they take minutes, and nobody must wait for us. The
    # rows still tell all phones of the person, so that an erasure that was broken off can simply be begun anew.
    started = shared_now()
    known = find_person(account, phone)
    bodies = _erase_deliveries(deliveries_about(known))
    with transaction.atomic():
        lock_account(account)
        person = find_person(account, phone)
        _suppress(person)
        request = PersonRequest.objects.create(
            user_account=account,
            kind=PersonRequest.Kind.ERASURE,
            pseudonym=person.pseudonym,
            done_by=by,
            counts=_erase_rows(person) | bodies,
        )
    # Then the bodies of what waited or came meanwhile; from now on a delivery is emptied when it is applied.
    late = _erase_deliveries(deliveries_about(person, since=started - CLOCKS_DIFFER if person == known else None))
    request.counts |= late | {"deliveries": bodies["deliveries"] + late["deliveries"]}
    request.save(update_fields=["counts"])
    return request


def _suppress(person: Person) -> None:
    names = {pseudonym(person.account.pk, phone) for phone in person.phones}
    ErasedPhone.objects.bulk_create(
        [ErasedPhone(user_account=person.account, pseudonym=name) for name in sorted(names)], ignore_conflicts=True
    )


def _erase_rows(person: Person) -> dict[str, int]:
    """How many rows were erased, by table. Those that are found by others go before them."""
    return {
        "gaps": rows.gaps_of(person).update(before="", after=""),
        "pushes": _stop_pushes(person),
        "notifications": _erase_notifications(person),
        "referrers": _erase_referrers(person),
        "sales": _erase_sales(person),
        "leads": _erase_leads(person),
    }


def _stop_pushes(person: Person) -> int:
    pushes = rows.pushes_of(person).order_by()
    waiting = pushes.filter(state=PushState.PENDING)
    Lead.objects.filter(pk__in=waiting.values("lead")).update(push_state=PushState.FAILED)
    waiting.update(state=PushState.FAILED)
    return pushes.update(detail=ERASED)


def _erase_notifications(person: Person) -> int:
    messages = rows.notifications_of(person).order_by()
    messages.filter(state=NotificationState.PENDING).update(state=NotificationState.FAILED)
    return messages.update(text="", detail=ERASED)


def _erase_referrers(person: Person) -> int:
    """Code, conversions and ledger stay; that a purchase was their own is still seen by the pseudonym."""
    referrers = list(rows.referrers_of(person))
    for referrer in referrers:
        _forget_in_messages(referrer)
        referrer.name = ""
        referrer.phone = pseudonym(person.account.pk, referrer.phone_e164 or "")
        referrer.save(update_fields=["name", "phone", "phone_e164"])
    _rename_in_admin_log(referrers)
    return len(referrers)


def _forget_in_messages(referrer: Referrer) -> None:
    """Messages about sales to others name their referrer. The code stays in them, as it does in the ledger."""
    messages, codes = list(rows.notifications_naming(referrer)), rows.codes_of(referrer)
    for message in messages:
        message.text = without_referrer(message.text, codes)
    SaleNotification.objects.bulk_update(messages, ["text"])


def _erase_sales(person: Person) -> int:
    sales = list(rows.sales_of(person))
    for sale in sales:
        sale.client_phones = [pseudonym(person.account.pk, phone) for phone in sale.client_phones]
        sale.client_phone = next(iter(sale.client_phones), person.pseudonym)
        sale.client_name = ""
        if sale.external_id and _tells_a_number(sale.external_id, person):
            # Known again when the table that it came from is brought once more, lest the purchase count twice.
            sale.external_id = pseudonym(person.account.pk, sale.external_id)
    Sale.objects.bulk_update(sales, ["client_name", "client_phone", "client_phones", "external_id"])
    _rename_in_admin_log(sales)
    return len(sales)


def _erase_leads(person: Person) -> int:
    leads = list(rows.leads_of(person))
    for lead in leads:
        _forget(lead, person)
    Lead.objects.bulk_update(leads, _LEAD_COLUMNS)
    _rename_deal_phones(person)
    _rename_in_admin_log(leads)
    return len(leads)


def _forget(lead: Lead, person: Person) -> None:
    names = [pseudonym(person.account.pk, phone) for phone in phones_of(lead)]
    lead.contact_phones = names[: len(lead.contact_phones)]
    lead.contact_phone = next(iter(lead.contact_phones), "")
    lead.phone_e164 = pseudonym(person.account.pk, lead.phone_e164) if lead.phone_e164 else None
    lead.phone = lead.phone_e164 or ""
    lead.name = lead.chat_id = lead.contact_name = lead.deal_name = lead.match_detail = ""
    if lead.external_id and _tells_a_number(lead.external_id, person):
        lead.external_id = None


def _tells_a_number(external_id: str, person: Person) -> bool:
    told = re.sub(r"\D", "", external_id)
    return any(digits in told for digits in national_digits(person.numbers))


def _rename_deal_phones(person: Person) -> None:
    known = DealPhone.objects.filter(user_account=person.account, phone_e164__in=person.numbers)
    renamed = [
        DealPhone(
            user_account=person.account,
            phone_e164=pseudonym(person.account.pk, row.phone_e164),
            amocrm_lead_id=row.amocrm_lead_id,
            known_at=row.known_at,
        )
        for row in known
    ]
    DealPhone.objects.bulk_create(renamed, ignore_conflicts=True)
    known.delete()


def _rename_in_admin_log(changed: Iterable[Model]) -> None:
    """The admin's log of actions names each row as it was called then."""
    for row in changed:
        entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(row), object_id=str(row.pk))
        entries.update(object_repr=str(row)[:200])


def _erase_deliveries(deliveries: Iterable[WebhookLog]) -> dict[str, int]:
    """`deliveries_waiting`: not applied yet; the drain empties them once they are."""
    erased = waiting = 0
    for delivery in deliveries:
        if delivery.processing_status == ProcessingStatus.RECEIVED:
            waiting += 1
        else:
            erased += take_body(delivery, parse_delivery(bytes(delivery.raw_body), delivery.content_type))
    return {"deliveries": erased, "deliveries_waiting": waiting}
