"""What became of a push, written down. Each function is one transaction under the account's lock, like all news."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import structlog
from django.db import transaction
from django.utils import timezone

from analytics.earning.settle import settle_deals
from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.pushing import MadeDeal
from integrations.drain.reading import read_deals
from integrations.models import LeadPush
from integrations.settling import apply_and_settle
from leads.deals.apply import lock_account
from leads.deals.tying import tie_deal
from leads.models import Lead, PushState, UserAccount
from leads.news import Evidence
from leads.told import told

logger = structlog.get_logger(__name__)


def mark_pushed(row: LeadPush, deal: MadeDeal, how: str, currency: str) -> None:
    """The lead has become this deal. Where a hook told of the deal first, it comes into the lead now (and its sale).

    :param how: said of the match, if it is not plain.
    :param currency: of the connected amoCRM account; empty: ours.
    """
    account, now = row.user_account, timezone.now()
    detail = told("deal %(id)s was made of this lead") % {"id": deal.deal_id} + (f"; {how}" if how else "")
    if deal.is_merged:
        detail = told("amoCRM's duplicate control put this lead into deal %(id)s") % {"id": deal.deal_id}
    with transaction.atomic():
        changes = tie_deal(
            account,
            row.lead,
            deal.deal_id,
            contact_id=deal.contact_id,
            created_at=deal.created_at,
            detail=detail,
            now=now,
            # A deal that was there before us may well be somebody else's answer.
            may_take_from_response=not deal.is_merged,
        )
        settle_deals(account, changes, told_by={}, is_sync=True, currency=currency, now=now)
        Lead.objects.filter(pk=row.lead_id).update(push_state=PushState.PUSHED)
        Lead.objects.filter(pk=row.lead_id, amocrm_contact_id=None).update(amocrm_contact_id=deal.contact_id)
        LeadPush.objects.filter(pk=row.pk).update(
            state=PushState.PUSHED,
            amocrm_lead_id=deal.deal_id,
            detail=detail,
            next_attempt_at=None,
            lease_key=None,
            lease_until=None,
        )


def mark_failed(row: LeadPush, detail: str) -> None:
    """amoCRM refuses this lead. A person may mend the reason and have it sent again."""
    with transaction.atomic():
        lock_account(row.user_account)
        LeadPush.objects.filter(pk=row.pk).update(
            state=PushState.FAILED, detail=detail[:2000], sent_at=None, lease_key=None, lease_until=None
        )
        Lead.objects.filter(pk=row.lead_id).update(push_state=PushState.FAILED)
    logger.warning("push_refused", lead=row.lead_id, detail=detail[:500])


def leave_as_it_is(row: LeadPush) -> None:
    """The lead stands in amoCRM already, by a deal that somebody made there: nothing is to be sent."""
    with transaction.atomic():
        lock_account(row.user_account)
        LeadPush.objects.filter(pk=row.pk).delete()
        Lead.objects.filter(pk=row.lead_id).update(push_state=PushState.NONE)


def read_back(client: AmoCRMClient, account: UserAccount, deal_ids: Collection[int]) -> None:
    """Read what was made, deals and contacts, so that stage and day are known at once, and our own echo is neither news
    nor missed where it is lost. Its failure costs nothing: the hooks tell the same. No sync: a deal that was won by now
    is news, and its hook will find it known."""
    if not deal_ids:
        return
    try:
        readings = read_deals(client, account, list(deal_ids))
    except AmoCRMError as error:
        logger.warning("pushed_deals_not_read", account=str(account.pk), error=str(error))
        return
    told = [replace(deal, evidence=Evidence(action="push")) for deal in readings.deals.values()]
    contacts = list(readings.contacts.values())
    with transaction.atomic():
        apply_and_settle(account, deals=told, contacts=contacts, told_by={}, is_sync=False, now=timezone.now())
