"""Days as people mean them: from midnight to midnight in the account's zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from leads.models import UserAccount

M = TypeVar("M", bound=Model)

# Beyond these, a midnight in some zone is no moment that Python or the database can hold.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


def within_bounds(day: date) -> date:
    """The day; for one before all leads or long after them the bound, which is as good."""
    return min(max(day, FIRST_DAY), LAST_DAY)


def midnight(day: date, account: UserAccount) -> datetime:
    """The moment at which the day begins for the account."""
    return datetime.combine(day, time.min, tzinfo=account.zone)


def begin_of(day: date, account: UserAccount) -> datetime:
    """As `midnight`, of whatever day somebody asks for."""
    return midnight(within_bounds(day), account)


def end_of(day: date, account: UserAccount) -> datetime:
    """The first moment that no longer belongs to a day that somebody asks for."""
    return midnight(within_bounds(day) + timedelta(days=1), account)


def within_days(
    rows: QuerySet[M], column: str, account: UserAccount, first: date | None, last: date | None
) -> QuerySet[M]:
    """The rows whose moment in `column` falls on one of the account's days from `first` to `last`."""
    if first:
        rows = rows.filter(**{f"{column}__gte": begin_of(first, account)})
    if last:
        rows = rows.filter(**{f"{column}__lt": end_of(last, account)})
    return rows


def on_days(rows: QuerySet[M], first: date | None, last: date | None) -> QuerySet[M]:
    """The rows whose own `day` is one of those from `first` to `last`."""
    if first:
        rows = rows.filter(day__gte=first)
    if last:
        rows = rows.filter(day__lte=last)
    return rows


def last_days(account: UserAccount, count: int) -> list[date]:
    """The last `count` days, today included, in order."""
    today = timezone.localdate(timezone=account.zone)
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def validate_moment(moment: datetime) -> None:
    """For moments that people enter: each has a day in every zone."""
    if not FIRST_DAY <= moment.date() <= LAST_DAY:
        raise ValidationError(_("Use a time from %(first)s to %(last)s.") % {"first": FIRST_DAY, "last": LAST_DAY})
