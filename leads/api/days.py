"""Days in queries: `from` and `to`, `YYYY-MM-DD`, inclusive, in the account's time zone."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from leads.access import account_of
from leads.days import midnight, validate_moment, within_bounds


def days_asked(request: Request) -> tuple[date | None, date | None]:
    """The days of `from` and `to`; None for an open end. Raises ValidationError."""
    first, last = (_day(request, name) for name in ("from", "to"))
    if first and last and first > last:
        raise exceptions.ValidationError({"from": [_("The first day is after the last.")]})
    return first, last


class MomentField(serializers.DateTimeField):
    """A time; of a plain day its beginning in the account's zone, so that it is never the day before."""

    def to_internal_value(self, value: Any) -> datetime:
        day = _plain_day(value) if isinstance(value, str) else None
        if day is None:
            return super().to_internal_value(value)
        validate_moment(datetime.combine(day, time.min))
        return midnight(day, account_of(self.context["request"]))

    def enforce_timezone(self, value: datetime) -> datetime:
        validate_moment(value)  # what has no moment in UTC cannot be given a zone either
        return super().enforce_timezone(value)


def _day(request: Request, name: str) -> date | None:
    raw = request.query_params.get(name)
    if not raw:
        return None
    day = _plain_day(raw)
    if day is None:
        raise exceptions.ValidationError({name: [_("Use a day such as 2026-03-31.")]})
    return within_bounds(day)


def _plain_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


DAYS = [
    OpenApiParameter("from", OpenApiTypes.DATE, description="First day, in the account's time zone."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, inclusive."),
]
"""For `extend_schema(parameters=…)` of views that read `days_asked`."""
