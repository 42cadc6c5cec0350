"""The queue of sales that nobody is credited with: assigning them, and adding the pattern that was missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from analytics.earning.credit import credit, route_sale
from analytics.models import Sale, Targetologist
from analytics.routing import Buyer, buyers_of
from leads.deals.apply import lock_account
from leads.models import UserAccount

_NEEDED = (
    *("id", "user_account_id", "utm_source", "utm_campaign", "takes_traffic", "takes_referral", "is_assigned"),
    *("targetologist_id", "client_name", "client_phone", "amount", "currency", "sold_at", "amocrm_deal_id"),
    *("routing_decision", "routing_reason", "utm_medium", "utm_content", "utm_term", "utm_place"),
)


class PreviewStale(Exception):
    """Sales or patterns changed since the preview: what would be moved now is not what was shown."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A pattern that is never reached: whatever it is found in, the earlier one is found in too."""

    earlier: str
    earlier_pattern: str
    later: str
    pattern: str


@transaction.atomic
def sales_assign(account: UserAccount, sale_ids: Collection[int], targetologist: Targetologist | None) -> int:
    """Credit sales to a targetologist by hand; later news of their deals leave that alone. None: route them again.

    How many sales there were.
    """
    lock_account(account)
    buyers = buyers_of(account)
    sales = list(Sale.objects.filter(user_account=account, pk__in=sale_ids))
    for sale in sales:
        sale.is_assigned, sale.targetologist = targetologist is not None, targetologist
        credit(sale, buyers)
    _save(sales)
    return len(sales)


def sales_moved_by(targetologist: Targetologist, pattern: str) -> list[Sale]:
    """The past sales that this pattern, added as the targetologist's last, would make theirs. The newest first.

    Sales that were assigned by hand stay, and so do those that an earlier targetologist's pattern decides. A pattern
    that the targetologist already has moves the sales that were recorded before it was added.
    """
    return list(_moved(targetologist, _with_pattern(targetologist, pattern), pattern))


@transaction.atomic
def pattern_add(targetologist: Targetologist, pattern: str, sale_ids: Collection[int]) -> int:
    """Add the pattern and move exactly the sales that the preview showed. How many those were.

    Raises PreviewStale, and changes nothing, when others would be moved by now.
    """
    account = targetologist.user_account
    lock_account(account)
    targetologist.refresh_from_db(fields=["patterns"])
    buyers = _with_pattern(targetologist, pattern)
    moved = list(_moved(targetologist, buyers, pattern))
    if {sale.pk for sale in moved} != set(sale_ids):
        raise PreviewStale
    if pattern.lower() not in (str(known).lower() for known in targetologist.patterns):
        targetologist.patterns = [*targetologist.patterns, pattern]
        targetologist.save(update_fields=["patterns"])
    for sale in moved:
        credit(sale, buyers)
    _save(moved)
    return len(moved)


def _with_pattern(targetologist: Targetologist, pattern: str) -> list[Buyer]:
    return [
        replace(buyer, patterns=(*buyer.patterns, pattern.lower())) if buyer.id == targetologist.pk else buyer
        for buyer in buyers_of(targetologist.user_account)
    ]


def _moved(targetologist: Targetologist, buyers: Sequence[Buyer], pattern: str) -> Iterator[Sale]:
    rows = Sale.objects.filter(user_account=targetologist.user_account, takes_traffic=True, is_assigned=False)
    # The database knows upper and lower case of Latin letters only, so the comparison is ours.
    for sale in rows.exclude(targetologist=targetologist).only(*_NEEDED).iterator(chunk_size=2_000):
        has_it = pattern.lower() in f"{sale.utm_campaign}\n{sale.utm_source}".lower()
        if has_it and route_sale(sale, buyers).targetologist_id == targetologist.pk:
            yield sale


def _save(sales: Iterable[Sale]) -> None:
    # bulk_update leaves auto_now alone; nothing reads `updated_at` of a sale to decide anything.
    Sale.objects.bulk_update(
        sales, ["targetologist", "is_assigned", "routing_decision", "routing_reason"], batch_size=500
    )


def overlaps(buyers: Sequence[Buyer]) -> list[Overlap]:
    """Patterns that can never win, because an earlier targetologist's is part of them."""
    found: list[Overlap] = []
    for index, later in enumerate(buyers):
        for pattern in later.patterns:
            for earlier in buyers[:index]:
                part = next((known for known in earlier.patterns if known in pattern), None)
                if part is not None:
                    found.append(Overlap(earlier.label, part, later.label, pattern))
                    break
    return found
