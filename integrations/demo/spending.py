"""What the year's advertising cost, by day and ad, and the rates by which dollars are compared."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.utils import timezone

from analytics.models import AdSpend, ExchangeRate, Targetologist
from analytics.spend.checking import SpendRow
from analytics.spend.store import COLUMNS
from integrations.demo.ads import Ad
from integrations.demo.bulk import insert_rows
from integrations.demo.clinic import SEARCH, USD
from integrations.demo.seasons import weight
from integrations.demo.stories import Story
from leads.cents import CENT
from leads.models import Creative, UserAccount

SOURCE = "demo"
# In tenge: a click, a lead from a search engine, and what a targetologist is paid a month.
CLICK, SEARCH_LEAD, RETAINER = 95, 9_000, 350_000
VIEWS_PER_CLICK = 70
FIRST_RATE, DRIFT = 505.0, 0.07


def spend_make(
    account: UserAccount,
    ads: Sequence[Ad],
    creatives: Mapping[str, Creative],
    stories: Sequence[Story],
    days: Sequence[date],
    dice: random.Random,
) -> None:
    """Each creative by day, search ads by campaign and day, and what each targetologist is paid on the 1st."""
    rates = _rates(days, dice)
    # Banks set no rate on Saturdays and Sundays.
    ExchangeRate.objects.bulk_create(
        ExchangeRate(user_account=account, day=day, currency=USD, base_currency=account.currency, rate=rate)
        for day, rate in rates.items()
        if day.weekday() < 5 or day == days[0]
    )
    drawn = Counter(id(story.ad) for story in stories if story.ad is not None)
    searched = Counter(story.utm.campaign for story in stories if story.ad is None)
    rows: list[SpendRow] = []
    for ad in ads:
        budget = drawn[id(ad)] * ad.direction.lead_cost * ad.cost
        own = [day for day in days if ad.runs_on(day)]
        for day, tenge in _spread(budget, own, days[-1], dice):
            currency = ad.campaign.currency or account.currency
            amount = tenge / float(rates[day]) if ad.campaign.currency else tenge
            rows.append(_row(day, amount, currency, tenge, creative_id=creatives[ad.external_ad_id].pk))
    for campaign in SEARCH:
        for day, tenge in _spread(searched[campaign.name] * SEARCH_LEAD, days, days[-1], dice):
            rows.append(_row(day, tenge, account.currency, tenge, campaign=campaign.name))
    now = timezone.now()
    insert_rows(
        AdSpend,
        [
            {
                "user_account_id": account.pk,
                "what": row.what,
                "created_at": now,
                "updated_at": now,
                **{name: getattr(row, name) for name in COLUMNS},
            }
            for row in (*rows, *_retainers(account, days))
        ],
    )


def _rates(days: Sequence[date], dice: random.Random) -> dict[date, Decimal]:
    """A walk that does not go far; on a weekend Friday's."""
    rate, found = FIRST_RATE, {}
    for number, day in enumerate(days):
        if day.weekday() < 5:
            rate += dice.gauss(0, 1.6) + (FIRST_RATE + number * DRIFT - rate) * 0.05
        found[day] = Decimal(rate).quantize(CENT)
    return found


def _spread(budget: float, days: Sequence[date], today: date, dice: random.Random) -> Iterator[tuple[date, float]]:
    """The budget over these days, more on the busy ones."""
    shares = [weight(day, today) * dice.uniform(0.8, 1.2) for day in days]
    total = sum(shares)
    for day, share in zip(days, shares, strict=True):
        yield day, budget * share / total


def _row(
    day: date, amount: float, currency: str, tenge: float, *, creative_id: int | None = None, campaign: str = ""
) -> SpendRow:
    clicks = round(tenge / CLICK)
    return SpendRow(
        day=day,
        amount=Decimal(amount).quantize(CENT),
        currency=currency,
        creative_id=creative_id,
        campaign=campaign,
        impressions=clicks * VIEWS_PER_CLICK + day.toordinal() % VIEWS_PER_CLICK,
        clicks=clicks,
        source=SOURCE,
    )


def _retainers(account: UserAccount, days: Sequence[date]) -> Iterator[SpendRow]:
    for person_id in Targetologist.objects.filter(user_account=account).values_list("pk", flat=True):
        for day in days:
            if day.day == 1:
                yield SpendRow(day, Decimal(RETAINER), account.currency, targetologist_id=person_id, source=SOURCE)
