"""Tying a deal to the lead that it was made of: by the deal's id, whatever phones said before."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from leads.deals.apply import lock_account
from leads.deals.changes import DealState, LeadChange
from leads.deals.placing import TIED, Placing
from leads.deals.saving import save_placed
from leads.models import Lead, LeadSource, MatchMethod, UserAccount


def tie_deal(
    account: UserAccount,
    lead: Lead,
    deal_id: int,
    *,
    contact_id: int | None,
    created_at: datetime | None,
    detail: str,
    now: datetime,
    may_take_from_response: bool = True,
) -> list[LeadChange]:
    """Make the deal stand in the lead's row, with `match_method` `deal_id`. To be called inside a transaction.

    Hooks may have told of the deal before: then it comes from the row in which they put it, history and all, and the
    leads and deals of the same phones are matched anew. Returns what changed, deal by deal; nothing where the deal is
    another lead's by its id.

    :param created_at: the deal's, where it is known; else it counts as younger than all others.
    :param may_take_from_response: whether the deal may leave a response to which its phone led.
    """
    assert connection.in_atomic_block, "a deal must not be without a row in between"
    lock_account(account)
    target = Lead.objects.get(user_account=account, pk=lead.pk)
    holder = Lead.objects.filter(user_account=account, amocrm_lead_id=deal_id).first()
    if holder is None:
        holder = Lead(user_account=account, source=LeadSource.AMOCRM, amocrm_lead_id=deal_id, matched_at=now)
        holder.amocrm_created_at = created_at
    if holder.pk == target.pk:
        # Its phone had led it here. By its id it stands before all other deals of the phone.
        placing = Placing(account, {deal_id: target}, {deal_id: DealState.of(target)}, now)
    else:
        is_response = holder.source != LeadSource.AMOCRM
        if holder.match_method in TIED or target.match_method in TIED or (is_response and not may_take_from_response):
            return []
        placing = _moved(account, deal_id, holder, target, now)
        target.amocrm_contact_id = target.amocrm_contact_id or contact_id
    target.match_method, target.match_detail, target.origin_lead = MatchMethod.DEAL_ID, detail, None
    placing.place(set(placing.rows))
    save_placed(account, placing)
    return [
        LeadChange(known, row.pk, placing.before.get(known), DealState.of(row))
        for known, row in sorted(placing.rows.items())
    ]


def _moved(account: UserAccount, deal_id: int, holder: Lead, target: Lead, now: datetime) -> Placing:
    """The holder's deal stands in the target's row; one that its phone had led there gets a row of its own."""
    rows = {deal_id: holder}
    if target.amocrm_lead_id is not None:
        rows[target.amocrm_lead_id] = target
    placing = Placing(account, rows, {known: DealState.of(row) for known, row in rows.items() if row.pk}, now)
    placing.loaded([target])
    displaced = {known: Lead(user_account=account, source=LeadSource.AMOCRM) for known in rows if known != deal_id}
    placing.move({deal_id: target, **displaced})
    return placing
