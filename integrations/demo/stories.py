"""The stories of the year's deals: who came by what, where the deal went, what it brought. No database here."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from integrations.demo.ads import Ad, drawn_on
from integrations.demo.clinic import DIRECTIONS, MAIN, ORGANIC, PARTNERS, REFERRERS, SEARCH, Direction, Pipeline
from integrations.demo.people import Person, person
from integrations.demo.seasons import moments
from leads.models import LeadSource
from leads.news import LOST_STATUS_ID, WON_STATUS_ID, Utm

# Beyond the ids of any amoCRM: by it a generated deal is told from a real one.
FIRST_DEAL_ID = 900_000_000_001
NEW_CLIENTS, REPEATS, UNANSWERED = 11_000, 247, 753
# By what a new client comes.
AD, SEARCHED, REFERRED, BY_ITSELF = "ad", "search", "referral", "organic"
WAYS = {AD: 0.77, SEARCHED: 0.09, REFERRED: 0.06, BY_ITSELF: 0.08}
ODDS = {AD: 1.0, SEARCHED: 1.25, REFERRED: 1.3, BY_ITSELF: 1.1}
PRICE_STEP = 1_000
SKIPS, STAYS_OPEN, FILLED_A_FORM = 0.2, 0.06, 0.45


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    status_id: int


@dataclass(slots=True)
class Story:
    """A deal, or with no `steps` a response that no deal came of.

    `price`: what the client pays if they buy. `source`: of the response by which they came, None for none. `origin`:
    their first purchase, of a repeat.
    """

    client: Person
    direction: Direction
    pipeline: Pipeline
    created_at: datetime
    price: int
    utm: Utm
    ad: Ad | None = None
    source: LeadSource | None = None
    origin: Story | None = None
    deal_id: int = 0
    steps: list[Step] = field(default_factory=list)

    @property
    def status_id(self) -> int:
        return self.steps[-1].status_id

    @property
    def ended_at(self) -> datetime:
        return self.steps[-1].at

    @property
    def is_won(self) -> bool:
        return bool(self.steps) and self.status_id == WON_STATUS_ID

    @property
    def is_qualified(self) -> bool:
        marked = {stage.status_id for stage in self.pipeline.stages if stage.is_qualified} | {WON_STATUS_ID}
        return any(step.status_id in marked for step in self.steps)


def stories_of(
    ads: Sequence[Ad], days: Sequence[date], zone: ZoneInfo, now: datetime, dice: random.Random
) -> list[Story]:
    """12,000 of them by their beginnings; deal ids ascend with them, as amoCRM gives them."""
    market = {day: drawn_on(day, ads) for day in days}
    found = [
        _new_client(person(number, dice), at, market[at.astimezone(zone).date()], dice)
        for number, at in enumerate(moments(NEW_CLIENTS + UNANSWERED, days, zone, now, dice))
    ]
    unanswered = set(dice.sample([n for n, story in enumerate(found) if story.source], UNANSWERED))
    for number, story in enumerate(found):
        if number not in unanswered:
            story.steps = list(_way(story, _odds(story), now, dice))
    found += _repeats(found, now, dice)
    found.sort(key=lambda story: story.created_at)
    for number, story in enumerate(story for story in found if story.steps):
        story.deal_id = FIRST_DEAL_ID + 2 * number
    return found


def _new_client(
    client: Person, at: datetime, drawn: tuple[Sequence[Ad], Sequence[float]], dice: random.Random
) -> Story:
    [way] = dice.choices(list(WAYS), list(WAYS.values()))
    [direction] = dice.choices(DIRECTIONS, [direction.appeal for direction in DIRECTIONS])
    ad: Ad | None = None
    source: LeadSource | None = None
    if way == AD:
        [ad] = dice.choices(*drawn)
        direction = ad.direction
        if dice.random() < FILLED_A_FORM:
            source = dice.choice((LeadSource.WEBSITE, LeadSource.WHATSAPP))
    return Story(
        client,
        direction,
        PARTNERS if way == REFERRED else MAIN,
        at,
        _price(direction, dice),
        _utm(way, ad, dice),
        ad,
        source,
    )


def _price(direction: Direction, dice: random.Random) -> int:
    low, high = direction.price
    # Most buy the cheaper things.
    return round(dice.triangular(low, high, low + (high - low) * 0.25) / PRICE_STEP) * PRICE_STEP


def _utm(way: str, ad: Ad | None, dice: random.Random) -> Utm:
    place = 'field "utm_source" (code UTM_SOURCE)'
    if ad is not None:
        campaign = ad.campaign
        return Utm(campaign.network, campaign.medium, campaign.name, ad.external_ad_id, "", place)
    if way == REFERRED:
        [referrer] = dice.choices(REFERRERS, [weight for *_who, weight in REFERRERS])
        return Utm(referrer[0], "referral", "", "", "", place)
    campaign = dice.choice(SEARCH if way == SEARCHED else ORGANIC)
    return Utm(campaign.network, campaign.medium, campaign.name, "", "", place if campaign.network else "")


def _odds(story: Story) -> float:
    """How likely the client goes on at each stage, compared with others."""
    if story.ad is not None:
        return float((story.ad.odds * story.direction.odds) ** 0.25)
    way = REFERRED if story.pipeline is PARTNERS else SEARCHED if story.utm.campaign else BY_ITSELF
    return float((ODDS[way] * story.direction.odds) ** 0.25)


def _way(story: Story, odds: float, now: datetime, dice: random.Random) -> Iterator[Step]:
    """Through the pipeline as far as they get before now, and out of it."""
    at = story.created_at
    stages = story.pipeline.stages[1:]
    for place, stage in enumerate(stages):
        if place and dice.random() < SKIPS:
            continue  # the manager moved the deal past it
        yield Step(at, stage.status_id)
        goes_on = dice.random() < stage.odds * odds
        at = _later(at, stage.hours if goes_on else 60, dice)
        if at >= now:
            return
        if not goes_on:
            if dice.random() > STAYS_OPEN:
                yield Step(at, LOST_STATUS_ID)
            return
    yield Step(at, WON_STATUS_ID)


def _later(at: datetime, hours: float, dice: random.Random) -> datetime:
    return at + timedelta(seconds=round(3600 * hours * dice.lognormvariate(0, 0.8)) + 1)


def _repeats(stories: Sequence[Story], now: datetime, dice: random.Random) -> Iterator[Story]:
    """Clients who come back some weeks after a purchase, of their own accord."""
    happy = [story for story in stories if story.is_won and (now - story.ended_at).days > 25]
    for first in dice.sample(happy, REPEATS):
        direction = dice.choice(DIRECTIONS)
        at = first.ended_at + timedelta(
            days=dice.randint(14, (now - first.ended_at).days - 1), hours=dice.randint(1, 9)
        )
        again = Story(first.client, direction, MAIN, at, _price(direction, dice), Utm(), origin=first)
        again.steps = list(_way(again, 1.2, now, dice))
        yield again
