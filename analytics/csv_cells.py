"""CSV for people, who open it in a spreadsheet: what others typed must not become a formula there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.http import HttpResponse

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> object:
    """Text that a spreadsheet would execute gets an apostrophe in front; our own numbers stay numbers."""
    if isinstance(value, Decimal | int) or value is None:
        return value
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def csv_response(name: str, header: Sequence[object], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A download called `name`.csv."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    # The mark at the beginning makes spreadsheets read Cyrillic as what it is.
    response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
