"""Deliveries of a span of time, without an index on time.

Deliveries are numbered as they arrive, so a moment is found among the ids by halving: some twenty look-ups by primary
key, however many millions there are. An index on `received_at` would be paid for by every single delivery.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from integrations.models import WebhookLog

# Ids are given before rows are committed, and clocks of several machines differ.
SLACK = timedelta(minutes=10)


def id_at(moment: datetime, among: QuerySet[WebhookLog] | None = None) -> int | None:
    """The lowest id received at or after a moment, to within the order of arrival. None: nothing was that late.

    :param among: all deliveries of an account, where exactness matters: those of a demo year are dated back, whenever
        it was made.
    """
    ids = (WebhookLog.objects.all() if among is None else among).order_by()
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


def received_between(
    rows: QuerySet[WebhookLog],
    start: datetime | None,
    end: datetime | None,
    among: QuerySet[WebhookLog] | None = None,
) -> QuerySet[WebhookLog]:
    """Of these rows those received in [start, end). `among`: as of `id_at`."""
    if start is not None:
        first = id_at(start - SLACK, among)
        rows = rows.filter(id__gte=first, received_at__gte=start) if first is not None else rows.none()
    if end is not None:
        after = id_at(end + SLACK, among)
        rows = rows.filter(received_at__lt=end)
        rows = rows.filter(id__lt=after) if after is not None else rows
    return rows
