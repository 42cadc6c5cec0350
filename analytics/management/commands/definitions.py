"""`manage.py definitions`: what every figure of every report means, as Markdown: docs/definitions.md is its output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import translation

from analytics.reports.definitions import (
    AS_OF_FIGURES,
    BASIS_LABELS,
    BASIS_MEANINGS,
    BELONGS,
    FUNNEL_FIGURES,
    NO_RATE,
    QUALIFICATION_FIGURES,
    ROI_FIGURES,
    TABS,
    Definition,
)
from analytics.reports.spans import Basis, GroupBy

PARTS = (
    ("Return on ads", "`GET /analytics/roi`, `/app/roi`, the dashboard", ROI_FIGURES),
    ("Qualification", "`GET /amocrm/qualification-stats`", QUALIFICATION_FIGURES),
    (
        "Funnel",
        "`GET /analytics/funnel`, `/app/funnel`: of each stage; won and lost of the pipeline",
        FUNNEL_FIGURES,
    ),
    ("Then and now", "`/app/as-of`, for each figure of the return on ads", AS_OF_FIGURES),
)


class Command(BaseCommand):
    help = "Prints what every figure means, as Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            self.stdout.write("\n".join(_lines()))


def _lines() -> Iterator[str]:
    yield "# What the figures mean"
    yield ""
    yield "Written by `manage.py definitions` from `analytics/reports/definitions.py`: change it there."
    yield ""
    yield "A lead's day is its deal's creation in amoCRM, else when we met it; days are those of the account's zone."
    yield "Figures are rounded half-up to two digits. Money of other currencies is converted at the rate of its day;"
    yield f"what would need a rate that is not there is empty ({NO_RATE})."
    for title, where, figures in PARTS:
        yield from ("", f"## {title}", "", f"{where}.", "", *_table(figures))
    yield from ("", "## Which sales", "")
    yield from (f"- `basis={basis.value}`, by the {BASIS_LABELS[basis]}: {BASIS_MEANINGS[basis]}" for basis in Basis)
    yield from ("", "## What belongs to a row", "")
    yield from (f"- `group_by={group_by.value}`, {TABS[group_by]}: {BELONGS[group_by]}" for group_by in GroupBy)


def _table(figures: Iterable[Definition]) -> Iterator[str]:
    yield "| figure | name | meaning | empty when |"
    yield "| --- | --- | --- | --- |"
    for one in figures:
        yield f"| {one.label} | `{one.name}` | {one.meaning} | {one.none} |"
