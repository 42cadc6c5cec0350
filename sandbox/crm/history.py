"""The account's history as the Events API keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .clock import Clock
from .index import SortedIndex
from .models import Event

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class History:
    """Events in the order of their time. `add` is the only way in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._serial = 0
        self.by_id: dict[str, Event] = {}
        self.by_time: SortedIndex[str] = SortedIndex()

    def add(
        self,
        type_: str,
        entity_type: str,
        entity_id: int,
        *,
        after: list[dict[str, Any]] | None = None,
        before: list[dict[str, Any]] | None = None,
        by: int = 0,
        at: int | None = None,
    ) -> Event:
        """Record that something happened at `at` (default: now) by user `by` (0: a robot)."""
        when = self._clock.now() if at is None else at
        event = Event(self._new_id(when), type_, entity_id, entity_type, by, when, after or [], before or [])
        self.load(event)
        return event

    def load(self, event: Event) -> None:
        """Enter an event that has its id already."""
        self.by_id[event.id] = event
        self.by_time.add(event.created_at, event.id)

    def stage_changed(self, deal_id: int, before: tuple[int, int], after: tuple[int, int], *, by: int, at: int) -> None:
        """`before` and `after` are (pipeline id, status id)."""
        self.add(
            "lead_status_changed", "lead", deal_id, by=by, at=at,
            after=[{"lead_status": {"id": after[1], "pipeline_id": after[0]}}],
            before=[{"lead_status": {"id": before[1], "pipeline_id": before[0]}}],
        )  # fmt: skip

    def price_changed(self, deal_id: int, before: float, after: float, *, by: int, at: int) -> None:
        """The shape seen in real answers; the documents do not give it."""
        values = [
            [{"sale_field_value": {"sale": int(price), "sale_with_minor_units": float(price)}}]
            for price in (before, after)
        ]
        self.add("sale_field_changed", "lead", deal_id, by=by, at=at, before=values[0], after=values[1])

    def newest_first(self, low: int | None = None, high: int | None = None) -> Iterator[Event]:
        """Events whose time is within the bounds, the newest first."""
        return (self.by_id[id_] for id_ in self.by_time.falling(low, high))

    def _new_id(self, when: int) -> str:
        """26 signs that sort by time, like the ULIDs that amoCRM gives."""
        self._serial += 1
        number = (when * 1000) << 80 | self._serial << 16 | (self._serial * 40_503) & 0xFFFF
        return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
