"""What the outside tells the core: plain values, no payloads, no dialect of any CRM.

A *snapshot* is what one source said about one deal or contact at one moment. Snapshots are facts: they may be
old, repeated or out of order, and whoever applies them decides what they change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

WON_STATUS_ID = 142
LOST_STATUS_ID = 143


UTM_KEYS = ("source", "medium", "campaign", "content", "term")
"""The values of a `Utm`."""
UTM_COLUMNS = tuple(f"utm_{key}" for key in UTM_KEYS)
"""The columns that keep them."""


class DealAction(StrEnum):
    """What a delivery said had happened to the deal. `MENTIONED`: only named, so that it has to be read."""

    ADDED = "add"
    UPDATED = "update"
    STATUS = "status"
    RESPONSIBLE = "responsible"
    DELETED = "delete"
    RESTORED = "restore"
    MENTIONED = "mention"


@dataclass(frozen=True, slots=True)
class Utm:
    """The five UTM values of one place; `place` says for people where they stood. Empty string: not given."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    content: str = ""
    term: str = ""
    place: str = ""

    def __bool__(self) -> bool:
        return any((self.source, self.medium, self.campaign, self.content, self.term))


@dataclass(frozen=True, slots=True)
class ContactSnapshot:
    """A contact as a hook told of it or the API answered. `phones` as typed, in their order."""

    contact_id: int
    name: str = ""
    phones: tuple[str, ...] = ()
    updated_at: datetime | None = None
    deal_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a snapshot came from, so that each row can be traced to the raw delivery or the sync that told it."""

    delivery_id: int | None = None
    sync_run_id: int | None = None
    event_id: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class DealSnapshot:
    """One deal as one source told of it.

    Any value may be None: not told. `updated_at` None is news without a time. `read_at` is set on a snapshot
    that was read from the API (the CRM's own word, which confirms), None on one that a hook told.
    `contact_ids` has the main contact first. `price` is in the account's currency.
    """

    deal_id: int
    updated_at: datetime | None = None
    pipeline_id: int | None = None
    status_id: int | None = None
    price: Decimal | None = None
    name: str | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None
    utm: Utm = Utm()
    contact_ids: tuple[int, ...] = ()
    is_deleted: bool | None = None
    read_at: datetime | None = None
    evidence: Evidence = Evidence()

    @property
    def is_won(self) -> bool:
        return self.status_id == WON_STATUS_ID
