"""Filtering a list by days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import DateField
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter

from leads.days import within_bounds


class DaysFilter(RangeDateFilter):
    """From one day to another, inclusive, in the zone in which the admin shows times."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._day("from"), self._day("to")
        begin = _midnight(within_bounds(first)) if first else None
        end = _midnight(within_bounds(last) + timedelta(days=1)) if last else None
        return self.between(queryset, begin, end)

    def between(self, rows: QuerySet[Any], begin: datetime | None, end: datetime | None) -> QuerySet[Any]:
        """The rows of [begin, end)."""
        if begin is not None:
            rows = rows.filter(**{f"{self.parameter_name}__gte": begin})
        if end is not None:
            rows = rows.filter(**{f"{self.parameter_name}__lt": end})
        return rows

    def _day(self, end: str) -> date | None:
        value = self.used_parameters.get(f"{self.parameter_name}_{end}")
        text = value[0] if isinstance(value, list) and value else value
        try:
            # In the spelling of the visitor's language, as the calendar writes it, or ISO.
            day: date | None = DateField(required=False).clean(text)
        except ValidationError:
            return None
        return day


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
