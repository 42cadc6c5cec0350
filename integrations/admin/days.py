"""Deliveries of a span of time, without an index on time.

Deliveries are numbered as they arrive, so a moment is found among the ids by halving: some twenty look-ups by primary
key, however many millions there are. An index on `received_at` would be paid for by every single delivery.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import DateField
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter

from integrations.models import WebhookLog
from leads.admin import tenancy

# Ids are given before rows are committed, and clocks of several machines differ.
SLACK = timedelta(minutes=10)
_UTC = ZoneInfo("UTC")


def id_at(moment: datetime) -> int | None:
    """The lowest id received at or after a moment, to within the order of arrival. None: nothing was that late."""
    ids = WebhookLog.objects.order_by()
    first = ids.order_by("id").values_list("id", flat=True).first()
    last = ids.order_by("-id").values_list("id", flat=True).first()
    if first is None or last is None:
        return None
    low, high, found = first, last, None
    while low <= high:
        middle = (low + high) // 2
        # Retention leaves gaps, so the row at or above the middle stands for it.
        pk, received_at = ids.filter(id__gte=middle).order_by("id").values_list("id", "received_at")[0]
        if received_at >= moment:
            found, high = pk, middle - 1
        else:
            low = pk + 1
    return found


def received_between(rows: QuerySet[WebhookLog], start: datetime | None, end: datetime | None) -> QuerySet[WebhookLog]:
    """Of these rows those received in [start, end)."""
    if start is not None:
        first = id_at(start - SLACK)
        rows = rows.filter(id__gte=first, received_at__gte=start) if first is not None else rows.none()
    if end is not None:
        after = id_at(end + SLACK)
        rows = rows.filter(received_at__lt=end)
        rows = rows.filter(id__lt=after) if after is not None else rows
    return rows


def day_start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The zone of the visitor's only account; UTC for who has several."""
    zones = set(tenancy.accounts_of(request).order_by().values_list("timezone", flat=True).distinct()[:2])
    return ZoneInfo(zones.pop()) if len(zones) == 1 else _UTC


class ReceivedFilter(RangeDateFilter):
    """Received from one day to another, inclusive."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        zone = zone_of(request)
        first, last = self._day("from"), self._day("to")
        start = day_start(first, zone) if first else None
        end = day_start(last + timedelta(days=1), zone) if last else None
        return received_between(queryset, start, end)

    def _day(self, end: str) -> date | None:
        value = self.used_parameters.get(f"{self.parameter_name}_{end}")
        text = value[0] if isinstance(value, list) and value else value
        try:
            # In the spelling of the visitor's language, as the calendar writes it, or ISO.
            day: date | None = DateField(required=False).clean(text)
        except ValidationError:
            return None
        return day
