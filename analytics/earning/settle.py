"""From changed leads to sales and commissions: the one door through which news of deals becomes money.

Everything is derived from the lead rows as they stand, so it may be done again at any time and changes nothing twice
(law 2), with a fixed number of statements for a batch (law 10).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection

from analytics.earning.credit import credit
from analytics.earning.referrals import settle_referrals
from analytics.earning.sale_of_lead import is_sold, lay_kinds, lay_lead
from analytics.earning.tellings import Known, kinds_of, remember_tellings
from analytics.models import Sale
from analytics.routing import Buyer, buyers_of
from leads.bulk import insert_rows, update_rows
from leads.clock import shared_now
from leads.deals.changes import LeadChange
from leads.deals.stored import leads_by_deal
from leads.models import Lead, PipelineStage, UserAccount

SAVED_COLUMNS = [
    field.attname
    for field in Sale._meta.concrete_fields
    if not field.primary_key and field.name not in ("user_account", "created_at")
]
_ROUTED_BY = ("utm_source", "utm_campaign", "takes_traffic", "takes_referral")


@dataclass(frozen=True, slots=True)
class Settled:
    """What a batch of news did to sales.

    `first_paid`: sales that have become paid for the first time ever; no sale is ever in it twice. Whether a hook or
    a sync met it first is on the sale (`is_met_by_sync`).
    """

    first_paid: tuple[Sale, ...] = ()
    changed: tuple[Sale, ...] = ()


def settle_deals(
    account: UserAccount,
    changes: Sequence[LeadChange],
    *,
    told_by: Mapping[int, frozenset[str]],
    currency: str,
    is_sync: bool,
    now: datetime,
) -> Settled:
    """Make sales, conversions and the ledger what the leads of these deals say. To be called inside the transaction
    that applied the news, whose lock on the account it relies on.

    :param told_by: deal id → the hooks (`amocrm`, `amocrm_traffic`, `amocrm_referral`) whose deliveries told of it;
        empty for a sync.
    :param currency: the amoCRM account's, ISO 4217; empty: ours.
    :param is_sync: no delivery is behind the news. A deal may be read for the sake of its contact's hook, so that this
        does not follow from `told_by`.
    """
    assert connection.in_atomic_block, "leads and the money that follows from them are one transaction"
    known = remember_tellings(account, [change.deal_id for change in changes], told_by)
    deal_ids = [change.deal_id for change in changes if change.after.is_won or change.deal_id in known.with_sale]
    if not deal_ids:
        return Settled()
    batch = _Batch(account, deal_ids, known, currency or account.currency, now)
    fresh, changed = batch.settle(is_sync)
    _save(fresh, changed)
    settle_referrals(account, batch.sales.values())
    return Settled(tuple(fresh), tuple(changed))


class _Batch:
    """The leads, sales and books that one settlement needs, each read by one statement."""

    def __init__(
        self, account: UserAccount, deal_ids: Collection[int], known: Known, currency: str, now: datetime
    ) -> None:
        self.account = account
        self.known = known
        self.currency = currency
        self.now = now
        self.leads = dict(sorted(leads_by_deal(account, deal_ids).items()))
        with_sale = Sale.objects.filter(user_account=account, amocrm_deal_id__among=deal_ids).order_by()
        sales = with_sale if known.with_sale else []
        self.sales = {sale.amocrm_deal_id: sale for sale in sales if sale.amocrm_deal_id is not None}
        self.buyers: list[Buyer] = buyers_of(account)
        self.pipelines = _pipeline_names(account, self.leads.values())

    def settle(self, is_sync: bool) -> tuple[list[Sale], list[Sale]]:
        """Bring the sales up to date in memory. Returns the new ones, and those that changed."""
        fresh: list[Sale] = []
        changed: list[Sale] = []
        for deal_id, lead in self.leads.items():
            sale = self.sales.get(deal_id)
            if sale is None:
                if not is_sold(lead):
                    continue  # a win that was undone before it could be read leaves none
                sale = Sale(
                    user_account=self.account,
                    amocrm_deal_id=deal_id,
                    is_met_by_sync=is_sync,
                    created_at=self.met_at,
                )
                self._lay(sale, lead, deal_id)
                self.sales[deal_id] = sale
                fresh.append(sale)
            elif self._update(sale, lead, deal_id):
                changed.append(sale)
        return fresh, changed

    @cached_property
    def met_at(self) -> datetime:
        """By the clock that says when a delivery came: whether that was before decides who is told."""
        return shared_now()

    def _update(self, sale: Sale, lead: Lead, deal_id: int) -> bool:
        before = copy(sale)
        self._lay(sale, lead, deal_id)
        return _values(before, SAVED_COLUMNS) != _values(sale, SAVED_COLUMNS)

    def _lay(self, sale: Sale, lead: Lead, deal_id: int) -> None:
        routed_by = _values(sale, _ROUTED_BY)
        lay_kinds(sale, kinds_of(self.known.hooks.get(deal_id, frozenset())))
        lay_lead(sale, lead, pipelines=self.pipelines, currency=self.currency, now=self.now)
        # Patterns that people edited later do not move past sales by themselves: only other UTM are routed anew.
        if sale.pk is None or routed_by != _values(sale, _ROUTED_BY):
            credit(sale, self.buyers)


def _values(sale: Sale, columns: Sequence[str]) -> list[Any]:
    return [getattr(sale, column) for column in columns]


def _pipeline_names(account: UserAccount, leads: Collection[Lead]) -> dict[int, str]:
    ids = {lead.current_pipeline_id for lead in leads if lead.current_pipeline_id is not None}
    names = PipelineStage.objects.filter(user_account=account, pipeline_id__in=ids).order_by("-is_archived", "id")
    # Archived stages may still have a pipeline's old name; the live ones come last and win.
    return {pipeline_id: name for pipeline_id, name in names.values_list("pipeline_id", "pipeline_name") if name}


def _save(fresh: list[Sale], changed: list[Sale]) -> None:
    insert_rows(fresh)
    update_rows(changed, SAVED_COLUMNS)
