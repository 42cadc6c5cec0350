"""When people ask for a dentist: by the month, the day of the week and the hour."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = 365
# January to December: holidays, summer, and the autumn in which everybody comes back.
MONTHS = (0.82, 0.95, 1.08, 1.06, 0.92, 0.86, 0.78, 0.9, 1.16, 1.2, 1.14, 0.88)
# Monday to Sunday.
WEEKDAYS = (1.16, 1.12, 1.08, 1.04, 0.98, 0.86, 0.76)
HOURS = (2, 1, 1, 0, 0, 1, 2, 4, 8, 14, 18, 19, 17, 16, 17, 18, 17, 16, 17, 20, 22, 19, 12, 6)
# How much larger the clinic's advertising is at the year's end than at its beginning.
GROWTH = 0.55


def weight(day: date, today: date) -> float:
    """How busy the day is, compared with others of the year that ends today."""
    grown = 1 + GROWTH * (1 - (today - day).days / DAYS)
    return grown * MONTHS[day.month - 1] * WEEKDAYS[day.weekday()]


def year_of(today: date) -> list[date]:
    """The year's days in order; the last is today."""
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def moments(count: int, days: Sequence[date], zone: ZoneInfo, now: datetime, dice: random.Random) -> Iterator[datetime]:
    """`count` moments of these days before now, in order, with whole seconds, as amoCRM's clock has them."""
    today = days[-1]
    chosen = dice.choices(days, [weight(day, today) * dice.uniform(0.85, 1.15) for day in days], k=count)
    yield from sorted(_before(now, day, zone, dice) for day in chosen)


def _before(now: datetime, day: date, zone: ZoneInfo, dice: random.Random) -> datetime:
    [hour] = dice.choices(range(24), HOURS)
    at = datetime.combine(day, time(hour, dice.randrange(60), dice.randrange(60)), zone)
    while at >= now:
        at -= timedelta(hours=dice.randint(1, 12))
    return at
