"""What all uploads have in common: rows are checked first, all of them, and stored only when none is bad."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from analytics.spend.cells import Senseless
from analytics.spend.reading import RawRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BadRow:
    """`row` as in RawRow.number; `detail` says for people what is wrong."""

    row: int
    line: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Checked(Generic[T]):
    """Rows to store, and what keeps them from being stored."""

    rows: list[T]
    bad: list[BadRow]


@dataclass(frozen=True, slots=True)
class Stored:
    """How many rows are new, and how many were there and are replaced."""

    created: int
    updated: int


def check_rows(raw: Iterable[RawRow], read: Callable[[RawRow], T], identity: Callable[[T], Hashable]) -> Checked[T]:
    """Read every row; two of one identity are an error, since nobody can say which is meant."""
    rows: list[T] = []
    bad: list[BadRow] = []
    first: dict[Hashable, RawRow] = {}
    for source in raw:
        try:
            if source.problem:
                raise Senseless(source.problem)
            row = read(source)
            twin = first.setdefault(identity(row), source)
            if twin is not source:
                raise Senseless(_("The same as row %(row)s.") % {"row": twin.number})
            rows.append(row)
        except Senseless as error:
            bad.append(BadRow(source.number, source.line, str(error)))
    return Checked(rows, bad)
