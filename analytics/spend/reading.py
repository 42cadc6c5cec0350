"""From an uploaded list or file to rows of cells. What the cells mean is `spend.checking`'s and `spend.exchange`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.csv_rows import Unreadable, excess, lines_of

MAX_ROWS = 50_000
MAX_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RawRow:
    """`number`: counted from 1, without a header; `line`: of the file, None for a list. Cells by column name.

    `problem`: why they cannot be told apart.
    """

    number: int
    line: int | None
    cells: Mapping[str, object]
    problem: str = ""


def rows_of_list(data: object) -> list[RawRow]:
    """Of a JSON body: a list of objects, or `{"rows": […]}`. Raises Unreadable.

    What is no object becomes a row without cells, so that it is named like every other bad row.
    """
    rows = data.get("rows") if isinstance(data, Mapping) else data
    if not isinstance(rows, list):
        raise Unreadable(_("Send a list of rows, as JSON or CSV."))
    _check_count(len(rows))
    return [RawRow(number, None, row if isinstance(row, dict) else {}) for number, row in enumerate(rows, 1)]


def rows_of_csv(content: bytes, needed: Sequence[str]) -> list[RawRow]:
    """Of a CSV file with a header. Raises Unreadable.

    :param needed: columns without which no row makes sense.
    """
    lines = lines_of(content)
    _line, header = next(lines, (0, []))
    missing = [name for name in needed if name not in header]
    if missing:
        raise Unreadable(_("The first line must name the columns. Missing: %(names)s.") % {"names": ", ".join(missing)})
    twice = [name for name in needed if header.count(name) > 1]
    if twice:
        raise Unreadable(_("The first line names a column twice: %(names)s.") % {"names": ", ".join(twice)})
    rows = [
        RawRow(number, line, dict(zip(header, cells, strict=False)), excess(header, line, cells))
        for number, (line, cells) in enumerate(lines, 1)
    ]
    _check_count(len(rows))
    return rows


def _check_count(count: int) -> None:
    if not count:
        raise Unreadable(_("There are no rows."))
    if count > MAX_ROWS:
        raise Unreadable(
            _("%(count)s rows are too many at once; send at most %(most)s.") % {"count": count, "most": MAX_ROWS}
        )
