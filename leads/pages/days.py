"""Days as people mean them: from midnight to midnight in the account's zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from leads.models import UserAccount


def today(account: UserAccount) -> date:
    return timezone.localdate(timezone=account.zone)


def begin_of(day: date, account: UserAccount) -> datetime:
    """The moment at which the day begins."""
    return datetime.combine(day, time.min, tzinfo=account.zone)


def end_of(day: date, account: UserAccount) -> datetime:
    """The first moment that no longer belongs to the day."""
    # The last day that a date can be has no morrow.
    return begin_of(day + timedelta(days=1), account) if day < date.max else datetime.max.replace(tzinfo=account.zone)


def last_days(account: UserAccount, count: int) -> list[date]:
    """The last `count` days, today included, in order."""
    last = today(account)
    return [last - timedelta(days=back) for back in range(count - 1, -1, -1)]
