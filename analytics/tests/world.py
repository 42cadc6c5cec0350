"""A small world of money: deals told of by hooks, their sales, and what referrers earned by them."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics.earning.settle import Settled, settle_deals
from analytics.models import ReferralEarning, Referrer, Sale, Targetologist
from leads.deals.apply import apply_news
from leads.models import UserAccount
from leads.news import ContactSnapshot, DealSnapshot, Utm
from leads.tests.world import at, read

UNIFIED, TRAFFIC, REFERRAL = "amocrm", "amocrm_traffic", "amocrm_referral"
WON, LOST, OPEN = 142, 143, 1
CODE = "ref_TEST123"


def settle(
    owner: UserAccount,
    *news: DealSnapshot | ContactSnapshot,
    hooks: tuple[str, ...] = (UNIFIED,),
    currency: str = "KZT",
) -> Settled:
    """Apply news and settle the money, as the drain does; without hooks: as a sync does."""
    deals = [item for item in news if isinstance(item, DealSnapshot)]
    contacts = [item for item in news if isinstance(item, ContactSnapshot)]
    told_by = {deal.deal_id: frozenset(hooks) for deal in deals} if hooks else {}
    now = timezone.now()
    with transaction.atomic():
        changes = apply_news(owner, deals=deals, contacts=contacts, now=now)
        return settle_deals(owner, changes, told_by=told_by, currency=currency, is_sync=not hooks, now=now)


def won(deal_id: int, seconds: int, price: object = 100_000, **values: Any) -> DealSnapshot:
    """The CRM says: won."""
    values.setdefault("closed_at", at(seconds))
    return read(deal_id, WON, seconds, price=Decimal(str(price)), **values)


def lost(deal_id: int, seconds: int, price: object = 100_000, **values: Any) -> DealSnapshot:
    return read(deal_id, LOST, seconds, price=Decimal(str(price)), **values)


def deleted(deal_id: int, seconds: int) -> DealSnapshot:
    return DealSnapshot(deal_id, is_deleted=True, read_at=at(seconds))


def by_code(code: str = CODE, **values: str) -> Utm:
    return Utm(source=code, **values)


def referrer(owner: UserAccount, code: str = CODE, **values: Any) -> Referrer:
    return Referrer.objects.create(user_account=owner, code=code, **values)


def buyer(owner: UserAccount, name: str, *patterns: str, **values: Any) -> Targetologist:
    return Targetologist.objects.create(user_account=owner, name=name, patterns=list(patterns), **values)


def sale_of(deal_id: int) -> Sale:
    return Sale.objects.get(amocrm_deal_id=deal_id)


def ledger(owner: UserAccount) -> list[tuple[str, str, Any]]:
    """(code, kind, amount) in the order in which they were written."""
    lines = ReferralEarning.objects.filter(user_account=owner).order_by("id").select_related("referrer")
    return [(line.referrer.code, line.kind, line.amount) for line in lines]


def earned(owner: UserAccount) -> dict[str, Decimal]:
    """What each code's lines add up to, without zeros."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for code, _kind, amount in ledger(owner):
        sums[code] += amount
    return {code: amount for code, amount in sums.items() if amount}
