"""Days as people mean them: from midnight to midnight in the account's zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone

from leads.api.days import FIRST_DAY, LAST_DAY, midnight
from leads.models import UserAccount


def begin_of(day: date, account: UserAccount) -> datetime:
    """The moment at which the day begins. A day before all leads or long after them is as good as the bound."""
    return midnight(min(max(day, FIRST_DAY), LAST_DAY), account)


def end_of(day: date, account: UserAccount) -> datetime:
    """The first moment that no longer belongs to the day."""
    return begin_of(min(day, LAST_DAY) + timedelta(days=1), account)


def last_days(account: UserAccount, count: int) -> list[date]:
    """The last `count` days, today included, in order."""
    today = timezone.localdate(timezone=account.zone)
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
