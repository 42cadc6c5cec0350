"""Records of one kind, found by id and in the order of their times."""

from __future__ import annotations

from typing import Generic, TypeVar

from .index import SortedIndex
from .models import Contact, Deal

Record = TypeVar("Record", Deal, Contact)


class Shelf(Generic[Record]):
    """`by_id` has everything; the indexes, and `len()`, only what is not in the bin."""

    def __init__(self) -> None:
        self.by_id: dict[int, Record] = {}
        self.by_updated: SortedIndex[int] = SortedIndex()
        self.by_created: SortedIndex[int] = SortedIndex()
        self.by_number: SortedIndex[int] = SortedIndex()

    def __len__(self) -> int:
        return len(self.by_number)

    def __getitem__(self, record_id: int) -> Record:
        return self.by_id[record_id]

    def put(self, record: Record) -> None:
        """Enter a record, deleted or not."""
        self.by_id[record.id] = record
        if not record.is_deleted:
            self.index(record)

    def index(self, record: Record) -> None:
        """Let lists find it."""
        self.by_updated.add(record.updated_at, record.id)
        self.by_created.add(record.created_at, record.id)
        self.by_number.add(record.id, record.id)

    def unindex(self, record: Record) -> None:
        """Hide it from lists."""
        self.by_updated.remove(record.updated_at, record.id)
        self.by_created.remove(record.created_at, record.id)
        self.by_number.remove(record.id, record.id)

    def touch(self, record: Record, when: int) -> None:
        """It was changed at `when`."""
        if not record.is_deleted:
            self.by_updated.remove(record.updated_at, record.id)
            self.by_updated.add(when, record.id)
        record.updated_at = when

    def date(self, record: Record, created_at: int) -> None:
        """It counts as made at `created_at`."""
        if not record.is_deleted:
            self.by_created.remove(record.created_at, record.id)
            self.by_created.add(created_at, record.id)
        record.created_at = created_at
