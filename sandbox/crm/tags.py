"""Tags of one kind of entity in one account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .clock import Ids
from .models import Tag


class Tags:
    """Found by name or id, made when a new name is written."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self.by_id: dict[int, Tag] = {}
        self._by_name: dict[str, Tag] = {}

    def load(self, tag: Tag) -> None:
        """Enter a tag that has its id already."""
        self.by_id[tag.id] = tag
        self._by_name[tag.name] = tag

    def named(self, name: str) -> Tag:
        """The tag of that name, made if need be."""
        tag = self._by_name.get(name)
        if tag is None:
            tag = Tag(self._ids.take("tag"), name)
            self.load(tag)
        return tag

    def ids_of(self, rows: Iterable[dict[str, Any]]) -> list[int]:
        """Ids for `[{"name"}|{"id"}]` as requests give them; unknown ids are left out."""
        found = []
        for row in rows:
            id_ = row.get("id")
            if id_ is not None and int(id_) in self.by_id:
                found.append(int(id_))
            elif row.get("name"):
                found.append(self.named(str(row["name"])).id)
        return found
