"""The rows of a CSV whose columns we know by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.csv_rows import Unreadable, excess, lines_of


@dataclass(frozen=True, slots=True)
class Row:
    """A row that has anything in it; `number` as a spreadsheet counts it, empty cells left out."""

    number: int
    cells: dict[str, str]


def read_rows(raw: bytes, known_columns: frozenset[str]) -> Iterator[Row]:
    """The rows of the file. Raises Unreadable: a column is none of ours, there is no header, a row is longer, or it is
    no CSV."""
    lines = lines_of(raw)
    _line, header = next(lines, (0, []))
    _check(header, known_columns)
    for number, cells in lines:
        if problem := excess(header, number, cells):
            raise Unreadable(problem)
        found = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name and cell.strip()}
        if found:
            yield Row(number, found)


def _check(header: list[str], known: frozenset[str]) -> None:
    if not any(header):
        raise Unreadable("The first row must name the columns.")
    strange = [name for name in header if name and name not in known]
    if strange:
        raise Unreadable(f"No such column: {', '.join(strange)}. Columns are: {', '.join(sorted(known))}.")
