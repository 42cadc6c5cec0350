"""An import: all rows or none. A dry run does the same and takes it back, so that it finds the same mistakes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework import exceptions

from analytics.importing.kinds import Kind
from analytics.importing.reading import Row, read_rows
from leads.api.errors import validation_body
from leads.models import UserAccount

_NUMBERS = ("amount", "commission_rate")
_SPACES = re.compile(r"\s")


@dataclass(slots=True)
class Report:
    """`known`: rows that were brought over before. `bad`: (row number, what is wrong with it)."""

    rows: int = 0
    created: int = 0
    known: int = 0
    committed: bool = False
    bad: list[tuple[int, str]] = field(default_factory=list)


def import_csv(account: UserAccount, kind: Kind, raw: bytes, *, commit: bool) -> Report:
    """Bring the rows over. With a bad row, or without `commit`, nothing is kept.

    Raises Unreadable.
    """
    report = Report()
    with transaction.atomic(), timezone.override(account.zone):
        for row in read_rows(raw, kind.columns):
            report.rows += 1
            _take(account, kind, row, report)
        report.committed = commit and not report.bad
        transaction.set_rollback(not report.committed)
    return report


def _take(account: UserAccount, kind: Kind, row: Row, report: Report) -> None:
    context = {"request": SimpleNamespace(account=account)}
    entry = kind.serializer(data=_plain(row.cells), context=context)
    try:
        with transaction.atomic():
            entry.is_valid(raise_exception=True)
            is_new = kind.save(entry)
    except exceptions.APIException as error:
        report.bad.append((row.number, validation_body(error.detail)["detail"]))
    else:
        report.created += is_new
        report.known += not is_new


def _plain(cells: dict[str, str]) -> dict[str, Any]:
    """Numbers as spreadsheets show them, `100 000,50`, as numbers."""
    return {
        name: _SPACES.sub("", value).replace(",", "." if "." not in value else "") if name in _NUMBERS else value
        for name, value in cells.items()
    }
