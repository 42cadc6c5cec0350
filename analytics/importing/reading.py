"""Reading a CSV as people's programs write them: with any delimiter, in UTF-8 or the old Cyrillic encoding."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

ENCODINGS = ("utf-8-sig", "cp1251")
DELIMITERS = ",;\t"


class UnreadableFile(ValueError):
    """The file as a whole makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that has anything in it; `number` as a spreadsheet counts it, empty cells left out."""

    number: int
    cells: dict[str, str]


def read_rows(raw: bytes, known_columns: frozenset[str]) -> Iterator[Row]:
    """The rows of the file. Raises UnreadableFile: a column is none of ours, there is no header, or it is no CSV."""
    text = _decode(raw)
    header_line = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header_line.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check(header, known_columns)
        for cells in reader:
            found = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name and cell.strip()}
            if found:
                yield Row(reader.line_num, found)
    except csv.Error as error:
        raise UnreadableFile(f"row {reader.line_num}: {error}") from error


def _decode(raw: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile("The file is not a text in UTF-8.")


def _check(header: list[str], known: frozenset[str]) -> None:
    if not any(header):
        raise UnreadableFile("The first row must name the columns.")
    strange = [name for name in header if name and name not in known]
    if strange:
        raise UnreadableFile(f"No such column: {', '.join(strange)}. Columns are: {', '.join(sorted(known))}.")
