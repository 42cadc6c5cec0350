"""The dashboard's bars: leads by day, drawn as SVG attributes, since the pages' policy allows no inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from leads.pages.figures import Day

WIDTH, HEIGHT = 900, 100
GAP = 0.28  # of a day's width


@dataclass(frozen=True, slots=True)
class Bar:
    """In the units of a picture WIDTH × HEIGHT. `slot_x`, `slot_width`: the whole day, for the mouse."""

    day: date
    leads: int
    qualified: int
    slot_x: str
    slot_width: str
    x: str
    width: str
    y: str
    height: str
    qualified_y: str
    qualified_height: str


def bars(days: Sequence[Day]) -> list[Bar]:
    """One per day, the highest as high as the picture. Empty when no day has any lead."""
    highest = max((day.leads for day in days), default=0)
    if not highest:
        return []
    step = WIDTH / len(days)
    return [_bar(day, index * step, step, highest) for index, day in enumerate(days)]


def _bar(day: Day, left: float, step: float, highest: int) -> Bar:
    height, qualified = HEIGHT * day.leads / highest, HEIGHT * day.qualified / highest
    return Bar(
        day=day.day,
        leads=day.leads,
        qualified=day.qualified,
        slot_x=_unit(left),
        slot_width=_unit(step),
        x=_unit(left + step * GAP / 2),
        width=_unit(step * (1 - GAP)),
        y=_unit(HEIGHT - height),
        height=_unit(height),
        qualified_y=_unit(HEIGHT - qualified),
        qualified_height=_unit(qualified),
    )


def _unit(value: float) -> str:
    # As text: a template would write 1.5 as "1,5" in Russian, which is no number in SVG.
    return f"{value:.2f}"
