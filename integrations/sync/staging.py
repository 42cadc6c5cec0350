"""What a run has read of contacts, kept until the deals that name them are read.

amoCRM lists deals and contacts apart. A lead is written once when both halves are there, and twice when they are not;
and which contact's phones count can be said only when all contacts of the deal are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from typing import Any

from django.utils.dateparse import parse_datetime

from integrations.models import SyncRun, SyncStaged
from leads.bulk import SKIP, insert_values
from leads.news import ContactSnapshot, DealSnapshot

_BATCH = 250
# Ids of contacts and deals ascend together: the contacts of a page of deals have mostly been read just now.
_AT_HAND = 1000


class Staging:
    """In the database, so that memory does not grow with the account, and a killed worker's run finds it again."""

    def __init__(self, run: SyncRun) -> None:
        self._run = run
        self._rows = SyncStaged.objects.filter(run=run)
        self._at_hand: dict[int, ContactSnapshot] = {}

    def keep(self, contacts: Iterable[ContactSnapshot]) -> None:
        kept = {one.contact_id: replace(one, deal_ids=()) for one in contacts}
        self._put(SyncStaged.Kind.CONTACT, ((one.contact_id, _as_data(one)) for one in kept.values()))
        self._at_hand |= kept
        for oldest in list(self._at_hand)[:-_AT_HAND]:
            del self._at_hand[oldest]

    def contacts(self, ids: Set[int]) -> dict[int, ContactSnapshot]:
        """Those of the contacts that were read, as they then were."""
        at_hand = {key: self._at_hand[key] for key in ids if key in self._at_hand}
        staged = self._rows.filter(kind=SyncStaged.Kind.CONTACT, entity_id__among=ids - at_hand.keys())
        found = staged.values_list("entity_id", "data")
        return at_hand | {contact_id: _from_data(contact_id, data) for contact_id, data in found}

    def keep_lonely(self, deals: Iterable[DealSnapshot]) -> None:
        """Deals with several contacts of which none has shown a phone yet."""
        self._put(SyncStaged.Kind.LONELY, ((deal.deal_id, deal.contact_ids) for deal in deals))

    def lonely(self) -> Iterator[list[DealSnapshot]]:
        """The lonely deals, with nothing but their contacts, a batch at a time."""
        rows = self._rows.filter(kind=SyncStaged.Kind.LONELY).order_by("entity_id")
        last = 0
        while batch := list(rows.filter(entity_id__gt=last).values_list("entity_id", "data")[:_BATCH]):
            yield [DealSnapshot(deal_id, contact_ids=tuple(ids)) for deal_id, ids in batch]
            last = batch[-1][0]

    def _put(self, kind: SyncStaged.Kind, rows: Iterable[tuple[int, Sequence[object]]]) -> None:
        staged = [(self._run.pk, kind, key, data) for key, data in rows]
        insert_values(SyncStaged, ["run_id", "kind", "entity_id", "data"], staged, conflict=SKIP)


def _as_data(contact: ContactSnapshot) -> list[Any]:
    return [contact.name, contact.phones, contact.updated_at.isoformat() if contact.updated_at else ""]


def _from_data(contact_id: int, data: list[Any]) -> ContactSnapshot:
    name, phones, updated_at = [*data, ""][:3]  # an earlier version, whose run this may be, kept no time
    return ContactSnapshot(contact_id, name=name, phones=tuple(phones), updated_at=parse_datetime(updated_at))
