"""The ads of the year: when each ran, how many people it drew, what they cost and whether they bought."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from integrations.demo.clinic import CAMPAIGNS, DIRECTIONS, SANDBOX_ADS, Campaign, Direction
from integrations.demo.seasons import DAYS


@dataclass(frozen=True, slots=True)
class Ad:
    """A creative in a campaign, from its first to its last day.

    `appeal`: how many leads it draws, `cost`: what one of them costs, `odds`: how likely they buy; each against its
    direction's own.
    """

    name: str
    external_ad_id: str
    direction: Direction
    campaign: Campaign
    first: date
    last: date
    appeal: float
    cost: float
    odds: float

    def runs_on(self, day: date) -> bool:
        return self.first <= day <= self.last


def ads_of(today: date, dice: random.Random) -> list[Ad]:
    """All forty, those of a direction together."""
    names = [(direction, name) for direction in DIRECTIONS for name in direction.creatives]
    return [_ad(number, direction, name, today, dice) for number, (direction, name) in enumerate(names)]


def _ad(number: int, direction: Direction, name: str, today: date, dice: random.Random) -> Ad:
    # Every third has run all year, so that no direction is ever without ads; the others come and go.
    is_evergreen = number % 3 == 0 or name in SANDBOX_ADS
    start = DAYS - 1 if is_evergreen else dice.randint(45, DAYS - 1)
    length = DAYS if is_evergreen else dice.randint(40, 200)
    first = today - timedelta(days=start)
    return Ad(
        name=name,
        external_ad_id=SANDBOX_ADS.get(name, f"1202{number + 11:02}7{dice.randrange(10**9):09}"),
        direction=direction,
        campaign=CAMPAIGNS[number * 7 % len(CAMPAIGNS)],
        first=first,
        last=min(today, first + timedelta(days=length)),
        appeal=dice.uniform(0.4, 1.8),
        cost=dice.uniform(0.75, 1.45),
        # A few ads draw people who only look: somebody has to be the worst.
        odds=dice.choice((0.25, 0.6, 0.85, 1.0, 1.1, 1.3, 1.6)),
    )


def drawn_on(day: date, ads: Sequence[Ad]) -> tuple[list[Ad], list[float]]:
    """The ads that run on the day, and what share of its leads each draws, as weights."""
    running = [ad for ad in ads if ad.runs_on(day)]
    return running, [ad.appeal * ad.direction.appeal for ad in running]
