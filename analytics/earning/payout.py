"""What referrers have earned, what was paid out, and paying out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from analytics.models import ReferralEarning, Referrer
from leads.cents import to_cents
from leads.deals.apply import lock_account
from leads.models import UserAccount

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Balance:
    """A referrer's sums in one currency. A negative balance is a debt: what was paid out and then taken back."""

    currency: str
    accrued: Decimal = ZERO
    paid: Decimal = ZERO

    @property
    def balance(self) -> Decimal:
        return self.accrued - self.paid


@dataclass(frozen=True, slots=True)
class Paid:
    """What was paid out to a referrer just now."""

    referrer: Referrer
    amount: Decimal
    currency: str
    paid_at: datetime


def balances(referrer_ids: Collection[int]) -> dict[int, list[Balance]]:
    """By referrer, one per currency that they ever earned in, in one statement."""
    rows = (
        ReferralEarning.objects.filter(referrer__in=referrer_ids)
        .order_by("currency")
        .values("referrer_id", "currency")
        .annotate(accrued=Sum("amount"), paid=Sum("amount", filter=Q(paid_at__isnull=False)))
    )
    found: dict[int, list[Balance]] = defaultdict(list)
    for row in rows:
        accrued, paid = (to_cents(row[key] or ZERO) for key in ("accrued", "paid"))  # SQLite adds up as floats
        found[row["referrer_id"]].append(Balance(row["currency"], accrued, paid))
    return found


def main_balance(sums: Iterable[Balance], account: UserAccount) -> Balance:
    """The sums in the account's currency, or in the only other one that there is."""
    by_currency = {item.currency: item for item in sums}
    if len(by_currency) == 1:
        return next(iter(by_currency.values()))
    return by_currency.get(account.currency, Balance(account.currency))


@transaction.atomic
def pay_out(account: UserAccount, referrers: Iterable[Referrer], now: datetime) -> list[Paid]:
    """Mark as paid what these referrers are owed. A debt stays, and is set off against what they earn next."""
    lock_account(account)
    by_id = {referrer.pk: referrer for referrer in referrers if referrer.user_account_id == account.pk}
    done: list[Paid] = []
    for referrer_id, sums in balances(list(by_id)).items():
        for item in sums:
            if item.balance > 0:
                _unpaid(account).filter(referrer=referrer_id, currency=item.currency).update(paid_at=now)
                done.append(Paid(by_id[referrer_id], item.balance, item.currency, now))
    return done


@transaction.atomic
def pay_lines(account: UserAccount, line_ids: Collection[int], now: datetime) -> int:
    """Mark single lines of the ledger as paid. How many were not yet."""
    lock_account(account)
    return _unpaid(account).filter(pk__in=line_ids).update(paid_at=now)


@transaction.atomic
def take_back_payout(account: UserAccount, line_ids: Collection[int]) -> int:
    """Mark lines as not paid after all: a slip, or a transfer that came back. How many were marked as paid."""
    lock_account(account)
    paid = ReferralEarning.objects.filter(user_account=account, paid_at__isnull=False)
    return paid.filter(pk__in=line_ids).update(paid_at=None)


def _unpaid(account: UserAccount) -> QuerySet[ReferralEarning]:
    return ReferralEarning.objects.filter(user_account=account, paid_at__isnull=True)
