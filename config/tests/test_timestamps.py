"""Times as PostgreSQL tells them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite tells a text"),
]
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - in UTC


def told(sql: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}")
        (value,) = cursor.fetchone()
    assert isinstance(value, datetime)
    return value


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=MOMENTS)
def test_every_moment_comes_back_as_it_was_given_and_in_utc(moment: datetime) -> None:
    assert told(f"'{moment.isoformat()}'::timestamptz") == moment
    assert told(f"'{moment.isoformat()}'::timestamptz").tzinfo is UTC


def test_a_moment_told_of_elsewhere_is_the_same_moment() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
    assert told("'2026-11-23 03:00:00.5+00'::timestamptz") == datetime(2026, 11, 23, 3, 0, 0, 500_000, UTC)


@pytest.mark.parametrize("never", ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01"])
def test_what_python_has_no_time_for_is_the_databases_error(never: str) -> None:
    with pytest.raises(DataError):
        told(f"'{never}'::timestamptz")
