"""The ROI report as a table: in the order asked for, each figure written as people read it, with where it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from analytics.pages.narrowers import value_of
from analytics.pages.periods import Period
from analytics.reports.definitions import NO_RATE, OF_NONE, ONE_OF, ROI_FIGURES, Definition, Kind, Text
from analytics.reports.figures import Figures
from analytics.reports.roi import Roi, Row
from analytics.reports.spans import Basis, GroupBy
from leads.amounts import fixed
from leads.cents import CENTS_BELOW
from leads.pages.sorting import turn

NO_VALUE = "—"
OWN_ORDER = "-spend"
"""The report's: among what cost the same, the order in which its rows come stays."""


@dataclass(frozen=True, slots=True)
class Column:
    """`order`: what a click on the heading asks for. `sorted`: ascending, descending or empty."""

    label: Text
    meaning: Text
    order: str
    sorted: str
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """`url`: the rows behind the figure. `why`: for a figure that there is none of."""

    definition: Definition
    value: Decimal | int | None
    decimals: int
    url: str = ""
    why: Text = ""

    @property
    def is_loss(self) -> bool:
        return self.definition.name in ("profit", "roi") and self.value is not None and self.value < 0

    @property
    def plain(self) -> str:
        """For programs, whatever the language: the exact value."""
        return "" if self.value is None else str(self.value)

    @property
    def shown(self) -> str:
        if self.value is None:
            return NO_VALUE
        written = fixed(self.value, self.decimals)
        return f"{written}%" if self.definition.kind is Kind.PERCENT else written


@dataclass(frozen=True, slots=True)
class Line:
    """`is_none`: what belongs to none of the rows."""

    name: Text
    url: str
    is_none: bool
    cells: list[Cell]


class RoiTable:
    """Rows in the order of `order`: a column's name, with `-` for the highest first; else the report's own order."""

    def __init__(self, report: Roi, period: Period, order: str) -> None:
        self.report = report
        self.period = period
        self.order = (
            order if order.removeprefix("-") in {"name", *(figure.name for figure in ROI_FIGURES)} else OWN_ORDER
        )
        everything = [report.totals, *(row.figures for row in report.rows)]
        self._decimals = {figure.name: decimals_of(figure, everything) for figure in ROI_FIGURES}

    @property
    def columns(self) -> list[Column]:
        first = Column(ONE_OF[self.report.group_by], "", *turn(self.order, "name"), is_number=False)
        return [first] + [
            Column(figure.label, figure.meaning, *turn(self.order, f"-{figure.name}")) for figure in ROI_FIGURES
        ]

    def lines(self, rows: Iterable[Row]) -> list[Line]:
        return [self._line(row) for row in rows]

    def rows(self) -> list[Row]:
        """All rows, in order. What belongs to none, and what has no value, comes last either way."""
        name, is_descending = self.order.removeprefix("-"), self.order.startswith("-")
        rows = [row for row in self.report.rows if row.key is not None]
        last = [row for row in self.report.rows if row.key is None]
        if name == "name":
            return sorted(rows, key=lambda row: row.name.casefold(), reverse=is_descending) + last
        valued = [row for row in rows if getattr(row.figures, name) is not None]
        empty = [row for row in rows if getattr(row.figures, name) is None]
        return sorted(valued, key=lambda row: getattr(row.figures, name), reverse=is_descending) + empty + last

    def totals(self) -> list[Cell]:
        return self._cells(self.report.totals, {})

    def _line(self, row: Row) -> Line:
        by = self.report.group_by
        is_person = by is GroupBy.TARGETOLOGIST and row.key is not None
        return Line(
            name=OF_NONE[by] if row.key is None else row.name,
            url=reverse("page-targetologist", args=[row.key]) if is_person else "",
            is_none=row.key is None,
            cells=self._cells(row.figures, {str(by.value): value_of(row.key)}),
        )

    def _behind(self, narrowed: Mapping[str, str]) -> dict[str, str]:
        """Where the rows of each figure are listed; what follows from others has none of its own."""
        days = self.period.asked()
        basis = {"basis": Basis.COHORT.value} if self.report.basis is Basis.COHORT else {}
        sales = _address("page-sales", {"status": "paid", **narrowed, **days, **basis})
        return {
            "leads": _address("page-leads", {**narrowed, **days}),
            "qualified_leads": _address("page-leads", {**narrowed, "qualified": "yes", **days}),
            "sales": sales,
            "revenue": sales,
            "spend": _address("page-spend", {**narrowed, **days}),
        }

    def _cells(self, figures: Figures, narrowed: Mapping[str, str]) -> list[Cell]:
        urls = self._behind(narrowed)
        return [
            Cell(
                definition=figure,
                value=(value := getattr(figures, figure.name)),
                decimals=self._decimals[figure.name],
                url=urls.get(figure.name, "") if value else "",
                why=_why_none(figure, figures) if value is None else "",
            )
            for figure in ROI_FIGURES
        ]


def _why_none(definition: Definition, figures: Figures) -> Text:
    lacks = figures.spend_lacks if definition.kind is Kind.COST else figures.spend_lacks | figures.revenue_lacks
    return NO_RATE if lacks else definition.none


def decimals_of(definition: Definition, rows: Sequence[Figures]) -> int:
    """The same for a whole column, so that its digits stand below each other."""
    if definition.kind is Kind.COUNT:
        return 0
    if definition.kind is Kind.PERCENT:
        return 1
    if definition.kind is Kind.RATIO:
        return 2
    values = [value for row in rows if (value := getattr(row, definition.name)) is not None]
    has_cents = any(value != value.to_integral_value() for value in values)
    return 2 if has_cents and max(map(abs, values)) < CENTS_BELOW else 0


def _address(page: str, query: Mapping[str, Any]) -> str:
    return f"{reverse(page)}?{urlencode(query)}"
