"""The queue of sales that nobody is credited with: assigning them, and changing the patterns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Q, QuerySet

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
class Move:
    """A past sale, and the targetologist to whom it would go; None: to nobody."""

    sale: Sale
    goes_to: int | None


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


def sales_moved_by(targetologist: Targetologist, pattern: str, instead_of: str = "") -> list[Move]:
    """The past sales that this pattern would make the targetologist's, and those that would no longer be.

    The pattern is added as the targetologist's last, or stands in the place of one that they have, `instead_of`; an
    empty one takes that away. Sales that were assigned by hand stay, and so do those that an earlier targetologist's
    pattern decides. A pattern that the targetologist already has moves the sales that were recorded before it was
    added.
    """
    return list(_moves(targetologist, pattern, instead_of))


@transaction.atomic
def pattern_change(
    targetologist: Targetologist, pattern: str, sale_ids: Collection[int], *, instead_of: str = ""
) -> int:
    """Change the patterns and move exactly the sales that the preview showed. How many those were.

    Raises PreviewStale, and changes nothing, when others would be moved by now.
    """
    lock_account(targetologist.user_account)
    targetologist.refresh_from_db(fields=["patterns"])
    moves = list(_moves(targetologist, pattern, instead_of))
    if {move.sale.pk for move in moves} != set(sale_ids):
        raise PreviewStale
    targetologist.patterns = _changed(targetologist.patterns, pattern, instead_of)
    targetologist.save(update_fields=["patterns"])
    buyers = buyers_of(targetologist.user_account)
    sales = [move.sale for move in moves]
    for sale in sales:
        credit(sale, buyers)
    _save(sales)
    return len(sales)


def _changed(patterns: Iterable[str], pattern: str, instead_of: str) -> list[str]:
    """The patterns with the new one in the old one's place, or at the end; in any case each stands there once."""
    changed: dict[str, str] = {}
    for known in [*map(str, patterns), pattern]:
        text = pattern if instead_of and known.lower() == instead_of.lower() else known
        if text:
            changed.setdefault(text.lower(), text)
    return list(changed.values())


def _moves(targetologist: Targetologist, pattern: str, instead_of: str) -> Iterator[Move]:
    me = targetologist.pk
    patterns = _changed(targetologist.patterns, pattern, instead_of)
    buyers = [
        replace(buyer, patterns=tuple(map(str.lower, patterns))) if buyer.id == me else buyer
        for buyer in buyers_of(targetologist.user_account)
    ]
    rows = Sale.objects.filter(user_account=targetologist.user_account, takes_traffic=True, is_assigned=False)
    for sale in _holding(rows, (pattern, instead_of)).only(*_NEEDED).iterator(chunk_size=2_000):
        is_mine = sale.targetologist_id == me
        concerned = instead_of if is_mine else pattern
        if concerned and concerned.lower() in f"{sale.utm_campaign}\n{sale.utm_source}".lower():
            goes_to = route_sale(sale, buyers).targetologist_id
            if (goes_to == me) != is_mine:
                yield Move(sale, goes_to)


def _holding(rows: QuerySet[Sale], patterns: Iterable[str]) -> QuerySet[Sale]:
    """Those whose campaign or source has one of the patterns in it. The database knows upper and lower case of Latin
    letters only, so the comparison is ours; but of different texts there are few, and of sales many."""
    wanted = [pattern.lower() for pattern in patterns if pattern]
    found = Q(pk__in=[])
    for column in ("utm_campaign", "utm_source"):
        texts = rows.order_by().values_list(column, flat=True).distinct()
        found |= Q(**{f"{column}__among": [text for text in texts if any(part in text.lower() for part in wanted)]})
    return rows.filter(found)


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
