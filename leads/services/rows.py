"""Rows that several people change at once: each saves what he changed, and keeps what the others did."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from django.db.models import Model

M = TypeVar("M", bound=Model)


def take_others(row: M, stored: M, changed: Collection[str]) -> None:
    """Give the row, which was read before its account was locked, the columns that `stored` has by now.

    :param changed: fields that stay as they are on the row, by name or column.
    """
    for field in row._meta.concrete_fields:
        if field.name not in changed and field.attname not in changed:
            setattr(row, field.attname, getattr(stored, field.attname))
