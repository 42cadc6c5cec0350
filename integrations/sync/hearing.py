"""Told or not told: whether what hooks said of a deal bears a change that a sync has found. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from integrations.amocrm.entities import StageEvent
from integrations.models import SyncGap
from leads.news import DealAction, DealSnapshot

# A `status` hook is rendered a moment after the change and may bear a later second than its event.
_NEARBY = timedelta(seconds=5)
# How far amoCRM's clock may be ahead of ours: a hook comes before what it tells of then.
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Hearing:
    """One deal in one delivery. `at`: the time that the news bears, None for news without."""

    deal_id: int
    action: DealAction
    at: datetime | None
    pipeline_id: int | None
    status_id: int | None
    received_at: datetime

    @classmethod
    def of(cls, told: DealSnapshot, action: DealAction, received_at: datetime) -> Self:
        return cls(told.deal_id, action, told.updated_at, told.pipeline_id, told.status_id, received_at)

    def tells_of(self, at: datetime) -> bool:
        """Whether this is the news of what happened at that moment. News without a time may be of anything before."""
        is_timeless = self.at is None and self.action is not DealAction.DELETED
        return self.at == at or (is_timeless and self.received_at >= at - _CLOCKS_DIFFER)


def tells(gap: SyncGap, one: Hearing) -> bool:
    """Whether it bears the news that a sync has found, or will: it waits, has failed, or comes only now."""
    # Of what came after the sync nobody knows whether it was, by itself, of what the sync had found.
    was_there = one.received_at < gap.learnt_at
    match gap.what:
        case SyncGap.What.CREATED:
            return one.action is DealAction.ADDED or (was_there and one.action is not DealAction.DELETED)
        case SyncGap.What.DELETED:
            return one.action is DealAction.DELETED
        case SyncGap.What.RESTORED:
            return one.action is DealAction.RESTORED
    return one.tells_of(gap.changed_at) and (was_there or one.at is not None)


def untold_stages(events: Iterable[StageEvent], heard: Mapping[int, Sequence[Hearing]]) -> list[StageEvent]:
    """Of the events those that nothing heard of their deals tells of."""
    of_deals: dict[int, list[StageEvent]] = defaultdict(list)
    for event in events:
        of_deals[event.deal_id].append(event)
    return [event for deal_id, of_deal in of_deals.items() for event in _untold(of_deal, heard.get(deal_id, ()))]


def _untold(events: Sequence[StageEvent], heard: Sequence[Hearing]) -> list[StageEvent]:
    """The events without a hearing of their own: one of their second and stage, else a status hook soon after."""
    left = list(heard)
    untold: list[StageEvent] = []
    for event in events:
        exact = [one for one in left if one.tells_of(event.changed_at) and _is_of_stage(one, event)]
        if not exact:
            untold.append(event)
        left = [one for one in left if one not in exact or one.at is None]
    really: list[StageEvent] = []
    for event in sorted(untold, key=lambda one: one.changed_at, reverse=True):
        near = next((one for one in left if _is_soon_after(one, event)), None)
        if near is None:
            really.append(event)
        else:
            left.remove(near)
    return really


def _is_of_stage(one: Hearing, event: StageEvent) -> bool:
    return one.status_id in (None, event.to_status_id) and one.pipeline_id in (None, event.to_pipeline_id)


def _is_soon_after(one: Hearing, event: StageEvent) -> bool:
    if one.action is not DealAction.STATUS or one.at is None or not _is_of_stage(one, event):
        return False
    return event.changed_at <= one.at <= event.changed_at + _NEARBY
