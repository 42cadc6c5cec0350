"""From an uploaded list or file to rows of cells. What the cells mean is `spend.checking`'s and `spend.exchange`'s."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

MAX_ROWS = 50_000
MAX_BYTES = 20 * 1024 * 1024
# Spreadsheets write UTF-8 with a mark, Excel's “Unicode text” is UTF-16, and old ones of ours wrote the Russian page.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = ",;\t"


class Unreadable(ValueError):
    """The upload is no list of rows at all. The message is for people."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """`number`: counted from 1, without a header; `line`: of the file, None for a list. Cells by column name."""

    number: int
    line: int | None
    cells: Mapping[str, object]


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
    """Of a CSV file with a header: commas, semicolons or tabs; UTF-8, UTF-16 or Windows-1251. Raises Unreadable.

    :param needed: columns without which no row makes sense.
    """
    text = _decoded(content)
    first = text.lstrip().split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    try:
        header = [name.strip().lower() for name in next(_filled(reader), (0, []))[1]]
        missing = [name for name in needed if name not in header]
        if missing:
            raise Unreadable(
                _("The first line must name the columns. Missing: %(names)s.") % {"names": ", ".join(missing)}
            )
        rows = [
            RawRow(number, line, dict(zip(header, cells, strict=False)))
            for number, (line, cells) in enumerate(_filled(reader), 1)
        ]
    except csv.Error as error:
        raise Unreadable(_("Line %(line)s is no CSV: %(why)s.") % {"line": reader.line_num, "why": error}) from error
    _check_count(len(rows))
    return rows


def _filled(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells, without empty lines: spreadsheets leave them at the end of a file."""
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield getattr(reader, "line_num", 0), cells


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp1251", errors="replace")


def _check_count(count: int) -> None:
    if not count:
        raise Unreadable(_("There are no rows."))
    if count > MAX_ROWS:
        raise Unreadable(
            _("%(count)s rows are too many at once; send at most %(most)s.") % {"count": count, "most": MAX_ROWS}
        )
