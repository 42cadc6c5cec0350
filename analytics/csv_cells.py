"""CSV that opens in a spreadsheet as it is: what others typed must not become a formula there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.http import HttpResponse
from django.utils.formats import get_format

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


def _with_comma(value: object) -> object:
    return str(value).replace(".", ",") if isinstance(value, Decimal | float) else safe_cell(value)


def csv_response(
    name: str, header: Sequence[object], rows: Iterable[Sequence[object]], *, for_people: bool = True
) -> HttpResponse:
    """A download called `name`.csv, in UTF-8. `for_people`: to be opened in a spreadsheet, not read by a program.

    A spreadsheet whose language has a comma in its numbers expects semicolons between them: of commas it makes one
    column. So a file for people is written as their language writes numbers.
    """
    has_commas = for_people and get_format("DECIMAL_SEPARATOR") == ","
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if has_commas else ",")
    writer.writerows([_with_comma(cell) if has_commas else safe_cell(cell) for cell in row] for row in (header, *rows))
    response = HttpResponse((BOM if for_people else "") + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
