"""Purchases entered by hand: sales without a deal, credited by the same rules."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from analytics.earning.credit import credit
from analytics.earning.referrals import settle_referrals
from analytics.models import Sale
from analytics.routing import buyers_of
from leads.deals.apply import lock_account
from leads.deals.facts import utm_place
from leads.models import Lead
from leads.news import UTM_COLUMNS
from leads.people import is_pseudonym, phones_of, remember_again
from leads.phones import phones_in
from leads.services.rows import take_others

_ROUTED_BY = ("utm_source", "utm_campaign", "takes_traffic", "takes_referral", "is_assigned", "targetologist_id")


@transaction.atomic
def purchase_save(sale: Sale, changed: Collection[str] = ()) -> Sale:
    """Save a purchase as it was entered or changed, with the credit and the commission that follow.

    What a new purchase leaves open of its client and UTM is taken from its lead. Who names a targetologist assigns the
    purchase to them; otherwise the routing finds one. A new sale may be a deal's when it is brought from another
    system. Raises ValueError for one that there is already: it follows its deal.

    :param changed: fields that were entered. Of a known purchase the others stay as they are stored.
    """
    if not sale.is_manual and sale.pk:
        raise ValueError("A deal's sale follows its deal.")
    if not {"targetologist", "targetologist_id"}.isdisjoint(changed):
        sale.is_assigned, changed = sale.targetologist_id is not None, {*changed, "is_assigned"}
    account = sale.user_account
    lock_account(account)
    before = Sale.objects.get(pk=sale.pk) if sale.pk else None
    if before is not None:
        take_others(sale, before, changed)
    elif sale.lead is not None:
        _take_from(sale.lead, sale)
    typed = [phone.e164 for phone in phones_in(sale.client_phone, account.phone_region)]
    remember_again(account, typed)
    known = (sale.client_phones or [sale.client_phone]) if is_pseudonym(sale.client_phone) else typed
    # All that the client has: a referrer's own purchase is seen by any of them, as of a deal.
    sale.client_phones = list(dict.fromkeys([*known, *(phones_of(sale.lead) if sale.lead else [])]))
    if before is None or any(getattr(before, column) != getattr(sale, column) for column in _ROUTED_BY):
        credit(sale, buyers_of(account))
    sale.save()
    settle_referrals(account, [sale])
    return sale


def _take_from(lead: Lead, sale: Sale) -> None:
    sale.client_name = sale.client_name or lead.contact_name or lead.name
    sale.client_phone = sale.client_phone or lead.phone_e164 or lead.phone
    if not sale.utm:
        for column in UTM_COLUMNS:
            setattr(sale, column, getattr(lead, column))
        sale.utm_place = utm_place(lead)[:500]
