"""The ledger, computed anew from the sales: what should be earned, and where the books say otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from analytics.earning.credit import referral_code
from analytics.earning.ledger import Purse, earned, lines_of
from analytics.models import ReferralConversion, Sale
from leads.models import UserAccount

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A sale whose lines do not add up to what they should. `what` says it for people."""

    sale_id: int
    what: str


def check_ledger(account: UserAccount) -> Iterator[Difference]:
    """Every difference between the account's ledger and what its sales say should be in it."""
    conversions = (
        ReferralConversion.objects.filter(user_account=account).select_related("sale").order_by("id").iterator()
    )
    while batch := list(islice(conversions, BATCH)):
        lines = lines_of([conversion.pk for conversion in batch])
        for conversion in batch:
            yield from _differences(conversion, lines[conversion.pk].sums)
    yield from _sales_without_conversion(account)


def _differences(conversion: ReferralConversion, sums: dict[Purse, Decimal]) -> Iterator[Difference]:
    due = earned(conversion, conversion.sale)
    for purse in sorted({*sums, *due}):
        is_, should = sums.get(purse, Decimal(0)), due.get(purse, Decimal(0))
        if is_ != should:
            who = f"conversion {conversion.pk}, referrer {purse[0]}"
            what = f"{who}: the lines add up to {is_} {purse[1]}, due are {should}"
            yield Difference(conversion.sale_id, what)


def _sales_without_conversion(account: UserAccount) -> Iterator[Difference]:
    orphans = Sale.objects.filter(user_account=account, status="paid", conversion=None, utm_source__istartswith="ref_")
    for sale in orphans.iterator():
        if referral_code(sale):
            yield Difference(sale.pk, f"came by {referral_code(sale)} and has no conversion")
