"""Foreign money in the account's currency, at the rate of its day."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from analytics.models import ExchangeRate
from analytics.reports.queries import MoneySum
from leads.cents import to_cents
from leads.models import UserAccount

# Banks set no rate on holidays; a rate that is older than the longest of them is no rate of that day.
HOLDS_ON = timedelta(days=7)


class Rates:
    """The account's rates as far as some sums need them: one statement, and none when all money is the account's."""

    def __init__(self, account: UserAccount, sums: Iterable[MoneySum]) -> None:
        self.currency = account.currency
        self._days: dict[str, list[date]] = defaultdict(list)
        self._rates: dict[str, list[Decimal]] = defaultdict(list)
        foreign = [(item.currency, item.day) for item in sums if item.day is not None]
        if not foreign:
            return
        days = [day for _currency, day in foreign]
        stored = ExchangeRate.objects.filter(
            user_account=account,
            base_currency=self.currency,
            currency__in={currency for currency, _day in foreign},
            day__range=(min(days) - HOLDS_ON, max(days)),
        )
        for currency, day, rate in stored.order_by("day").values_list("currency", "day", "rate"):
            self._days[currency].append(day)
            self._rates[currency].append(rate)

    def convert(self, money: MoneySum) -> Decimal | None:
        """In the account's currency, half-up to 0.01. None when there is no rate for the day."""
        amount = to_cents(money.amount)  # SQLite adds decimals as floats
        if money.day is None:
            return amount
        rate = self._rate(money.currency, money.day)
        return None if rate is None else to_cents(amount * rate)

    def _rate(self, currency: str, day: date) -> Decimal | None:
        """That of the day, else the newest of the week before."""
        days = self._days.get(currency, [])
        place = bisect_right(days, day) - 1
        if place < 0 or day - days[place] > HOLDS_ON:
            return None
        return self._rates[currency][place]
