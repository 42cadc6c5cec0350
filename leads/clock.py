"""The database's clock, the only one that all machines share: what one puts off is due for all at one moment."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now


def shared_now() -> datetime:
    """What `Now()` is in a query. SQLite's is its machine's."""
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now


def is_over(column: str) -> Q:
    """The moment in this column is past, or there is none: what waits is due, a lease has lapsed."""
    return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lte": Now()})


def seconds_until(moment: datetime | None) -> float:
    """0 for what is past, and for none."""
    return max(0.0, (moment - shared_now()).total_seconds()) if moment else 0.0
