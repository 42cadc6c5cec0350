"""Which hooks told of a deal, and what kinds of credit that allows its sale.

The dedicated hooks take one kind each; the unified hook and the sync take both. What counts is everybody who ever told
of the deal, so that it does not matter who was first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import CharField, Value

from analytics.models import DealTelling, Sale
from leads.bulk import SKIP, insert_values
from leads.models import UserAccount

TRAFFIC_HOOK = "amocrm_traffic"
REFERRAL_HOOK = "amocrm_referral"


@dataclass(frozen=True, slots=True)
class Kinds:
    """What kinds of credit a sale may take."""

    traffic: bool
    referral: bool


def kinds_of(hooks: frozenset[str]) -> Kinds:
    """`hooks`: all that ever told of the deal. None did: the sync met it, which takes both."""
    return Kinds(traffic=hooks != {REFERRAL_HOOK}, referral=hooks != {TRAFFIC_HOOK})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some deals: those that have a sale, and the hooks that told of each."""

    with_sale: frozenset[int]
    hooks: Mapping[int, frozenset[str]]


def remember_tellings(account: UserAccount, deal_ids: Iterable[int], told_by: Mapping[int, frozenset[str]]) -> Known:
    """Add what told of deals just now to what told of them before. One SELECT, and an INSERT where a hook is new.

    The SELECT also finds which of the deals have a sale: for most batches it is all that money costs.
    """
    wanted = sorted({*deal_ids, *told_by})
    if not wanted:
        return Known(frozenset(), {})
    rows = {"user_account": account, "amocrm_deal_id__among": wanted}
    sales = Sale.objects.filter(**rows).order_by().values_list("amocrm_deal_id", Value("", CharField()))
    tellings = DealTelling.objects.filter(**rows).order_by().values_list("amocrm_deal_id", "hook")
    with_sale: set[int] = set()
    hooks: dict[int, set[str]] = defaultdict(set)
    for deal_id, hook in sales.union(tellings, all=True):
        if hook:
            hooks[deal_id].add(hook)
        else:
            with_sale.add(deal_id)
    fresh = [(deal_id, hook) for deal_id, told in sorted(told_by.items()) for hook in sorted(told - hooks[deal_id])]
    unheard = [(account.pk, deal_id, hook) for deal_id, hook in fresh]
    insert_values(DealTelling, ["user_account_id", "amocrm_deal_id", "hook"], unheard, conflict=SKIP)
    for deal_id, hook in fresh:
        hooks[deal_id].add(hook)
    return Known(frozenset(with_sale), {deal_id: frozenset(told) for deal_id, told in hooks.items()})
