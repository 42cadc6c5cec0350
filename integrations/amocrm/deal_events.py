"""What else than a change of stage amoCRM's events tell of deals, and what its bin holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.amocrm.entities import STAGE_CHANGED, entities_in
from integrations.amocrm.values import id_of, text_of, time_of

DELETED = "lead_deleted"
RESTORED = "lead_restored"
MERGED = "entity_merged"
KINDS = (STAGE_CHANGED, DELETED, RESTORED, MERGED)
# Events have shorter pages than all else.
EVENTS_PAGE = 100
# The events of so many deals can be asked for at once.
MOST_DEALS = 10


@dataclass(frozen=True, slots=True)
class DealEvent:
    """Something that happened to a deal. For `MERGED` the deal is the one that remained; the other is not told."""

    event_id: str
    kind: str
    deal_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DeletedDeal:
    """A deal in the bin; `updated_at` is when it got there."""

    deal_id: int
    updated_at: datetime | None


def events_query(*, since: datetime | None = None, until: datetime | None = None) -> dict[str, Any]:
    """The parameters of `GET /events` for all `KINDS` within the bounds, both inclusive."""
    query: dict[str, Any] = {"limit": EVENTS_PAGE, "filter[type][]": list(KINDS)}
    if since is not None:
        query["filter[created_at][from]"] = int(since.timestamp())
    if until is not None:
        query["filter[created_at][to]"] = int(until.timestamp())
    return query


def stage_events_query(deal_ids: Iterable[int]) -> dict[str, Any]:
    """The parameters of `GET /events` for the changes of stage of up to `MOST_DEALS` deals."""
    asked = {"filter[entity]": "lead", "filter[entity_id][]": sorted(deal_ids)}
    return {"limit": EVENTS_PAGE, "filter[type][]": [STAGE_CHANGED], **asked}


def deal_events_in(answer: object) -> tuple[DealEvent, ...]:
    """The events about deals, of whatever kind, in a page of `GET /events`; in the page's order."""
    found = (_event(item) for item in entities_in(answer, "events"))
    return tuple(event for event in found if event is not None)


def deleted_in(answer: object) -> tuple[DeletedDeal, ...]:
    """The deals of a page of `GET /leads?with=only_deleted`. What is not marked as deleted is left out."""
    return tuple(
        DeletedDeal(deal_id, time_of(item.get("updated_at")))
        for item in entities_in(answer, "leads")
        if item.get("is_deleted") is True and (deal_id := id_of(item.get("id")))
    )


def _event(item: Mapping[str, Any]) -> DealEvent | None:
    deal_id, at = id_of(item.get("entity_id")), time_of(item.get("created_at"))
    if not deal_id or at is None or item.get("entity_type") != "lead":
        return None
    return DealEvent(text_of(item.get("id")), text_of(item.get("type")), deal_id, at)
