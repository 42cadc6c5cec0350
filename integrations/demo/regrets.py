"""What became of deals after they were closed: discounts, refunds, mistakes and spam."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from integrations.demo.clinic import MAIN
from integrations.demo.news import snapshot_of
from integrations.demo.stories import Step, Story
from leads.news import LOST_STATUS_ID, WON_STATUS_ID, DealSnapshot, Evidence

REPRICED, UNDONE, REDONE, DELETED = 60, 24, 6, 35
LONG_AGO = timedelta(days=12)
REDONE_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Regrets:
    """Readings of deals after they were closed. `redone`: of some that `undone` has too, won once more."""

    repriced: list[DealSnapshot]
    undone: list[DealSnapshot]
    redone: list[DealSnapshot]
    deleted: list[DealSnapshot]


def regrets_of(stories: Sequence[Story], evidence: Evidence, now: datetime, dice: random.Random) -> Regrets:
    won = [story for story in stories if story.is_won and story.ended_at < now - LONG_AGO]
    lost = [story for story in stories if story.status_id == LOST_STATUS_ID]
    chosen = dice.sample(won, REPRICED + UNDONE)
    undone = [_undone(story, evidence, dice) for story in chosen[REPRICED:]]
    return Regrets(
        [_repriced(story, evidence, dice) for story in chosen[:REPRICED]],
        undone,
        [_redone(snapshot) for snapshot in undone[:REDONE]],
        [replace(_news(story, LOST_STATUS_ID, 0, evidence), is_deleted=True) for story in dice.sample(lost, DELETED)],
    )


def _repriced(story: Story, evidence: Evidence, dice: random.Random) -> DealSnapshot:
    price = round(story.price * dice.choice((0.85, 0.9, 0.9, 0.95, 1.1)) / 500) * 500
    return _news(replace(story, price=price), WON_STATUS_ID, dice.randint(1, 9), evidence)


def _undone(story: Story, evidence: Evidence, dice: random.Random) -> DealSnapshot:
    is_lost = story.pipeline is not MAIN or dice.random() < 0.6
    back_to = LOST_STATUS_ID if is_lost else MAIN.stages[-1].status_id
    return _news(story, back_to, dice.randint(1, 8), evidence)


def _redone(undone: DealSnapshot) -> DealSnapshot:
    assert undone.updated_at is not None
    at = undone.updated_at + REDONE_AFTER
    return replace(undone, status_id=WON_STATUS_ID, updated_at=at, read_at=at, closed_at=at)


def _news(story: Story, status_id: int, days: int, evidence: Evidence) -> DealSnapshot:
    """A reading some days after the deal was closed, when it stood in this stage."""
    at = story.ended_at + timedelta(days=days, minutes=1)
    told = snapshot_of(story, Step(at, status_id), evidence)
    return replace(told, closed_at=story.ended_at if status_id == story.status_id else told.closed_at)
