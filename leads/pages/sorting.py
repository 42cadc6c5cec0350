"""Tables sorted by a click on a heading. The address keeps the order: a column's name, `-` for the highest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import F, Model, QuerySet
from django.utils.functional import Promise

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Heading:
    """`order`: what a click asks for, empty where the table cannot be sorted by it. `sorted`: ascending, descending or
    empty."""

    label: str | Promise
    order: str = ""
    sorted: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Sorting:
    """`columns`: the database's column of each name. `default`: the table's own order."""

    columns: Mapping[str, str]
    default: str

    def known(self, order: str) -> str:
        """The order, or the table's own for one that means nothing here."""
        return order if order.removeprefix("-") in self.columns else self.default

    def sort(self, rows: QuerySet[Row], order: str) -> QuerySet[Row]:
        """What has no value comes last either way; among equals the newest rows are the highest."""
        order = self.known(order)
        column = self.columns[order.removeprefix("-")]
        # Asking for nulls where there can be none would keep the database from reading an index in order.
        nulls_last = True if rows.model._meta.get_field(column).null else None
        if order.startswith("-"):
            return rows.order_by(F(column).desc(nulls_last=nulls_last), "-pk")
        return rows.order_by(F(column).asc(nulls_last=nulls_last), "pk")


def heading(label: str | Promise, first: str, order: str, *, is_number: bool = False) -> Heading:
    """Of a column that the table can be sorted by; `first` is what the first click asks for."""
    return Heading(label, *turn(order, first), is_number)


def turn(order: str, first: str) -> tuple[str, str]:
    """What a click asks for, and how the column is sorted now."""
    name = first.removeprefix("-")
    if order.removeprefix("-") != name:
        return first, ""
    return (name, "descending") if order.startswith("-") else (f"-{name}", "ascending")
