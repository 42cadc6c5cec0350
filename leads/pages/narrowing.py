"""Lists narrowed to the rows behind a figure. A report's cell leads to such a list; what narrows it stands in the
address, and as a chip above the list that takes it away again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise

from leads.models import Lead, UserAccount

M = TypeVar("M", bound=Model)
Text = str | Promise

NONE = "none"
ID_OR_NONE = re.compile(rf"{NONE}|\d{{1,18}}")
TEXT = re.compile(r".{1,500}")


@dataclass(frozen=True, slots=True)
class Narrower(Generic[M]):
    """`rows`: those of the rows that the value means. `name`: the value in words. `pattern`: what a value can be; any
    other narrows nothing.
    """

    label: Text
    rows: Callable[[QuerySet[M], UserAccount, str], QuerySet[M]]
    name: Callable[[UserAccount, str], Text]
    pattern: re.Pattern[str] = ID_OR_NONE


# What a lead is counted under is known to the layer above, which puts its narrowers in here.
LEAD_NARROWERS: dict[str, Narrower[Lead]] = {}


@dataclass(frozen=True, slots=True)
class Chip:
    """`url`: the list without it."""

    label: Text
    value: Text
    url: str


class Narrowing(Generic[M]):
    """What an address narrows a list to, by the names of `narrowers`."""

    def __init__(self, query: QueryDict, account: UserAccount, narrowers: Mapping[str, Narrower[M]]) -> None:
        self._query, self._account, self._narrowers = query, account, narrowers
        asked = {name: query.get(name, "").strip() for name in narrowers}
        self.given = {name: value for name, value in asked.items() if narrowers[name].pattern.fullmatch(value)}

    def __bool__(self) -> bool:
        return bool(self.given)

    def of(self, rows: QuerySet[M]) -> QuerySet[M]:
        for name, value in self.given.items():
            rows = self._narrowers[name].rows(rows, self._account, value)
        return rows

    def chips(self) -> list[Chip]:
        return [
            Chip(self._narrowers[name].label, self._narrowers[name].name(self._account, value), self._without(name))
            for name, value in self.given.items()
        ]

    def _without(self, name: str) -> str:
        rest = [(key, values) for key, values in self._query.lists() if key not in (name, "page")]
        return f"?{urlencode(rest, doseq=True)}"
