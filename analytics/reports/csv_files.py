"""Reports as CSV files that open in a spreadsheet as they are, and run nothing there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

from analytics.csv_cells import safe_cell

BOM = "\ufeff"


def csv_report(name: str, header: Sequence[str], rows: Iterable[Sequence[object]], *, for_people: bool) -> HttpResponse:
    """A file to save, UTF-8. `for_people`: with the mark by which Excel knows UTF-8, over which programs stumble."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    response = HttpResponse((BOM if for_people else "") + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Vary"] = "Accept"
    return response
