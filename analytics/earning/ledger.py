"""The ledger: what a conversion should have earned, and the lines that are missing until it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Max, Sum

from analytics.models import ConversionStatus, EarningKind, ReferralConversion, ReferralEarning, Sale, SaleStatus
from leads.cents import to_cents
from leads.told import told

Purse = tuple[int, str]
"""A referrer's id and a currency: sums of different ones are never added up."""


def commission(rate: Decimal, amount: Decimal) -> Decimal:
    """Half-up to 0.01."""
    return to_cents(rate * amount)


def earned(conversion: ReferralConversion, sale: Sale) -> dict[Purse, Decimal]:
    """What the lines of the conversion have to add up to; purses that are not in it: to nothing."""
    if conversion.status != ConversionStatus.ACTIVE or conversion.referrer_id is None:
        return {}
    rate = conversion.commission_rate
    assert rate is not None, "an active conversion has its rate"
    return {(conversion.referrer_id, sale.currency): commission(rate, sale.amount)}


def commission_due(conversion: ReferralConversion, sale: Sale) -> Decimal:
    """In the sale's currency; 0.00 where nobody earns by it."""
    return sum(earned(conversion, sale).values(), Decimal("0.00"))


@dataclass(slots=True)
class Lines:
    """The lines of one conversion, added up by purse, and the number of the last."""

    sums: dict[Purse, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    rates: dict[Purse, Decimal] = field(default_factory=dict)
    last: int = 0


def lines_of(conversion_ids: Collection[int]) -> dict[int, Lines]:
    """By conversion, in one statement."""
    found: dict[int, Lines] = defaultdict(Lines)
    rows = (
        ReferralEarning.objects.filter(conversion__id__among=conversion_ids)
        .order_by()
        .values("conversion_id", "referrer_id", "currency")
        .annotate(total=Sum("amount"), last=Max("sequence"), rate=Max("commission_rate"))
    )
    for row in rows:
        lines, purse = found[row["conversion_id"]], (row["referrer_id"], row["currency"])
        lines.sums[purse] = to_cents(row["total"])
        lines.rates[purse] = row["rate"]
        lines.last = max(lines.last, row["last"])
    return found


def settle_ledger(pairs: Iterable[tuple[ReferralConversion, Sale]]) -> list[ReferralEarning]:
    """Append the lines that are missing until each conversion has earned what it should. Returns them.

    Needs the account's lock; without it two who append the same line meet at the constraint.
    """
    pairs = list(pairs)
    known = lines_of([conversion.pk for conversion, _sale in pairs])
    missing = [line for conversion, sale in pairs for line in _missing(conversion, sale, known[conversion.pk])]
    ReferralEarning.objects.bulk_create(missing)
    return missing


def _missing(conversion: ReferralConversion, sale: Sale, lines: Lines) -> list[ReferralEarning]:
    due = earned(conversion, sale)
    found: list[ReferralEarning] = []
    # What is taken back stands before what is given.
    for purse in sorted({*lines.sums, *due}, key=lambda purse: (purse in due, purse)):
        difference = due.get(purse, Decimal(0)) - lines.sums.get(purse, Decimal(0))
        if not difference:
            continue
        kind, reason = _kind(purse, due, bool(lines.sums.get(purse)), sale)
        rate = conversion.commission_rate if purse in due else lines.rates[purse]
        found.append(
            ReferralEarning(
                user_account_id=conversion.user_account_id,
                referrer_id=purse[0],
                conversion=conversion,
                sale=sale,
                sequence=lines.last + len(found) + 1,
                kind=kind,
                amount=difference,
                currency=purse[1],
                commission_rate=rate or Decimal(0),
                reason=reason,
            )
        )
    return found


def _kind(purse: Purse, due: Collection[Purse], has_earned: bool, sale: Sale) -> tuple[EarningKind, str]:
    if purse not in due:
        return EarningKind.REVERSAL, _why_taken_back(purse, due, sale)
    amount = {"amount": f"{to_cents(sale.amount)} {sale.currency}"}
    if has_earned:
        return EarningKind.ADJUSTMENT, told("the amount is now %(amount)s") % amount
    return EarningKind.ACCRUAL, told("sale of %(amount)s") % amount


def _why_taken_back(purse: Purse, due: Collection[Purse], sale: Sale) -> str:
    if sale.status == SaleStatus.PENDING:
        return told("the sale is not paid yet")
    if not sale.is_paid:
        return told("the sale was cancelled")
    if purse[0] in {referrer_id for referrer_id, _currency in due}:
        return told("the sale is in another currency now")
    return told("no longer theirs")
