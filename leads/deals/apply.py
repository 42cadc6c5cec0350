"""Applying news: the one door through which hooks, syncs and events change leads.

Whatever the order, the repetition and the mixture of snapshots, the same leads and history come out (law 2), with a
fixed number of statements for a batch (law 10).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime

from django.db import connection

from leads.deals.changes import DealState, LeadChange
from leads.deals.facts import lay_contact, lay_deal, phones_typed
from leads.deals.placing import Placing
from leads.deals.record import remember_stages
from leads.deals.saving import save_placed
from leads.deals.stored import leads_by_contact, leads_by_deal
from leads.models import Lead, LeadSource, UserAccount
from leads.news import ContactSnapshot, DealSnapshot
from leads.people import erased_among


def lock_account(account: UserAccount) -> None:
    """Until the transaction ends, nobody else changes the account's leads or money, or what these refer to. The intake
    goes on: its INSERT only shares the key.

    Always the first row that a transaction locks, also before leases, and several accounts in the order of their ids:
    otherwise two transactions could wait for each other, and PostgreSQL would end one.
    """
    UserAccount.objects.select_for_update(no_key=True).get(pk=account.pk)


def apply_news(
    account: UserAccount,
    *,
    deals: Sequence[DealSnapshot],
    contacts: Sequence[ContactSnapshot] = (),
    now: datetime,
) -> list[LeadChange]:
    """Apply what was told and read of deals and contacts. To be called inside a transaction.

    A deal that is not known becomes a lead only when one of its snapshots was read from the CRM and is not deleted;
    hearsay alone invents nothing. Returns one change per deal that was touched, also where nothing changed.
    """
    assert connection.in_atomic_block, "leads, history and the delivery's outcome are one transaction"
    lock_account(account)
    told: dict[int, list[DealSnapshot]] = defaultdict(list)
    for snapshot in deals:
        told[snapshot.deal_id].append(snapshot)
    rows = _known_rows(account, told, contacts)
    before = {deal_id: DealState.of(lead) for deal_id, lead in rows.items()}
    placing = Placing(account, rows, before, now)  # sees the rows as they are stored
    rows |= _new_rows(account, told, rows)
    placing.place(_lay(account, rows, told, contacts))
    remember_stages(account, deals, rows)
    save_placed(account, placing)
    return [
        LeadChange(deal_id, lead.pk, before.get(deal_id), DealState.of(lead)) for deal_id, lead in sorted(rows.items())
    ]


def _known_rows(
    account: UserAccount, told: Mapping[int, object], contacts: Sequence[ContactSnapshot]
) -> dict[int, Lead]:
    """The rows of the deals told of, and of the deals whose contact was told of."""
    known = leads_by_deal(account, told)
    if contacts:
        known = leads_by_contact(account, [contact.contact_id for contact in contacts]) | known
    return known


def _new_rows(
    account: UserAccount, told: Mapping[int, Sequence[DealSnapshot]], known: Mapping[int, Lead]
) -> dict[int, Lead]:
    def is_live(snapshots: Sequence[DealSnapshot]) -> bool:
        readings = [snapshot for snapshot in snapshots if snapshot.read_at is not None]
        return bool(readings) and not readings[-1].is_deleted

    # Copied, as the defaults of fifty fields take longer than all that is laid on them; values are replaced by others,
    # never changed in place.
    blank = Lead(user_account=account, source=LeadSource.AMOCRM)
    rows: dict[int, Lead] = {}
    for deal_id, snapshots in told.items():
        if deal_id not in known and is_live(snapshots):
            rows[deal_id] = copy(blank)
            rows[deal_id].amocrm_lead_id = deal_id
    return rows


def _lay(
    account: UserAccount,
    rows: Mapping[int, Lead],
    told: Mapping[int, Sequence[DealSnapshot]],
    contacts: Sequence[ContactSnapshot],
) -> list[int]:
    """Lay all snapshots onto the rows. Returns the deals that now have to look for their response."""
    # A burst may tell of a contact several times, the oldest last.
    book: dict[int, list[ContactSnapshot]] = defaultdict(list)
    for contact in sorted(contacts, key=_by_age):
        book[contact.contact_id].append(contact)
    erased = erased_among(account, phones_typed(contacts, account.phone_region))
    seeking: list[int] = []
    for deal_id, lead in rows.items():
        snapshots = told.get(deal_id, ())
        lay_deal(lead, snapshots)
        ids = [contact_id for snapshot in snapshots for contact_id in snapshot.contact_ids]
        linked = [one for i in dict.fromkeys([lead.amocrm_contact_id, *ids]) if i in book for one in book[i]]
        phones_came = lay_contact(lead, _who_count(lead, linked, account.phone_region), account, erased)
        if lead.pk is None or phones_came:
            seeking.append(deal_id)
    return seeking


def _by_age(contact: ContactSnapshot) -> tuple[bool, datetime | None]:
    return contact.updated_at is not None, contact.updated_at


def _who_count(lead: Lead, contacts: Sequence[ContactSnapshot], region: str) -> Sequence[ContactSnapshot]:
    """The main contact, of those told of; all of them only if the deal has no phone by its main one.

    The others are never read for their phones when a main one has any, so being in the same batch must not count.
    """
    main = [contact for contact in contacts if contact.contact_id == lead.amocrm_contact_id]
    return main if lead.contact_phones or phones_typed(main, region) else contacts
