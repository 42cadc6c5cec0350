"""CSV as people's programs write it, as lines of cells. What the cells mean is for whoever reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from django.utils.translation import gettext as _

# Spreadsheets write UTF-8 with a mark, Excel's “Unicode text” is UTF-16, and old ones of ours wrote the Russian page.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = ",;\t"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; the old .xls


class Unreadable(ValueError):
    """What was handed in is no list of rows at all. The message is for people."""


def lines_of(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file that have anything in them (spreadsheets leave empty ones at its end), each with its number:
    first the header, its names in lower case. Commas, semicolons or tabs; UTF-8, UTF-16 or Windows-1251.

    :raises Unreadable: while it is read, at what is no CSV.
    """
    if content.startswith(_WORKBOOKS):
        raise Unreadable(_("This is a spreadsheet's own file. Save it there as CSV, and take that."))
    text = _decoded(content)
    first = text.lstrip().split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = cells = [cell.strip().lower() for cell in cells]
            yield reader.line_num, cells
    except csv.Error as error:
        # Strict reading fails at quotes, and at a cell without an end, which is a quote that was not closed.
        raise Unreadable(_("Line %(line)s is no CSV: look at its quotes.") % {"line": reader.line_num}) from error


def excess(header: list[str], line: int, cells: list[str]) -> str:
    """What to say of a line with more cells than the header has; empty where it has none.

    An amount with a comma that is not quoted would lose what follows it.
    """
    if not any(cell.strip() for cell in cells[len(header) :]):
        return ""
    return _("Line %(line)s has more cells than the first line.") % {"line": line}


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp1251", errors="replace")
