"""Days in queries: `from` and `to`, `YYYY-MM-DD`, inclusive, in the account's time zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from leads.models import UserAccount

M = TypeVar("M", bound=Model)

# Beyond these, a midnight in some zone is no moment that Python or the database can hold.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


def days_asked(request: Request) -> tuple[date | None, date | None]:
    """The days of `from` and `to`; None for an open end. Raises ValidationError."""
    first, last = (_day(request, name) for name in ("from", "to"))
    if first and last and first > last:
        raise exceptions.ValidationError({"from": [_("The first day is after the last.")]})
    return first, last


def within_days(
    rows: QuerySet[M], column: str, account: UserAccount, first: date | None, last: date | None
) -> QuerySet[M]:
    """The rows whose moment in `column` falls on one of the account's days from `first` to `last`."""
    if first:
        rows = rows.filter(**{f"{column}__gte": midnight(first, account)})
    if last:
        rows = rows.filter(**{f"{column}__lt": midnight(last + timedelta(days=1), account)})
    return rows


def midnight(day: date, account: UserAccount) -> datetime:
    """The moment at which the day begins for the account."""
    return datetime.combine(day, time.min, tzinfo=account.zone)


def validate_moment(moment: datetime) -> None:
    """For moments that people enter: each has a day in every zone."""
    if not FIRST_DAY <= moment.date() <= LAST_DAY:
        raise ValidationError(_("Use a time from %(first)s to %(last)s.") % {"first": FIRST_DAY, "last": LAST_DAY})


class MomentField(serializers.DateTimeField):
    def enforce_timezone(self, value: datetime) -> datetime:
        validate_moment(value)  # what has no moment in UTC cannot be given a zone either
        return super().enforce_timezone(value)


def _day(request: Request, name: str) -> date | None:
    raw = request.query_params.get(name)
    if not raw:
        return None
    try:
        day = date.fromisoformat(raw) if len(raw) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise exceptions.ValidationError({name: [_("Use a day such as 2026-03-31.")]})
    return min(max(day, FIRST_DAY), LAST_DAY)


DAYS = [
    OpenApiParameter("from", OpenApiTypes.DATE, description="First day, in the account's time zone."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, inclusive."),
]
"""For `extend_schema(parameters=…)` of views that read `days_asked`."""
