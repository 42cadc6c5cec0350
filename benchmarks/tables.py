"""Tables as Markdown, so that what is printed can be kept as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Table:
    """`heads` and `rows` of text; the first column is words, the others are figures. `notes` stand below."""

    title: str
    heads: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        columns = [[head, *(row[at] for row in self.rows)] for at, head in enumerate(self.heads)]
        widths = [max(map(len, column)) for column in columns]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines = [_line(self.heads, widths), _line(rule, widths), *(_line(row, widths) for row in self.rows)]
        return "\n".join([f"## {self.title}", "", *lines, "", *self.notes]).rstrip()


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    figures = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return f"| {' | '.join([cells[0].ljust(widths[0]), *figures])} |"


def times(ratio: float) -> str:
    """A ratio for people: `12×`, `0.64×`, `1/222`."""
    if 0 < ratio < 0.1:
        return f"1/{1 / ratio:.0f}"
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.2f}×"


def whole(number: float) -> str:
    return f"{number:,.0f}"
