"""CSV that opens in a spreadsheet as it is: what others typed must not become a formula there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.http import HttpResponse

# The last are what a Japanese or Chinese keyboard types; spreadsheets take them for the first.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Spreadsheets know UTF-8, and so Cyrillic, by it. Programs stumble over it.
BOM = "\ufeff"


def safe_cell(value: object) -> object:
    """Text that a spreadsheet would execute gets an apostrophe in front; our own numbers stay numbers."""
    if isinstance(value, Decimal | int | float) or value is None:
        return value
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def csv_response(
    name: str, header: Sequence[object], rows: Iterable[Sequence[object]], *, for_people: bool = True
) -> HttpResponse:
    """A download called `name`.csv, in UTF-8. `for_people`: to be opened in a spreadsheet, not read by a program."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([safe_cell(cell) for cell in row] for row in (header, *rows))
    response = HttpResponse((BOM if for_people else "") + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
