"""One statement for many rows, its values as arrays; and an UPDATE of a few columns made so.

Django's bulk_update writes a CASE for every row and column, and its upsert takes all columns of a row, which at fifty
columns costs more than all else that is done for a batch of news.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, Model
from psycopg import Cursor


def update_rows(rows: Sequence[Model], columns: Sequence[str]) -> None:
    """Write these columns (by attname) of stored rows, all of one model."""
    if not rows:
        return
    model = type(rows[0])
    fields = _fields(model, columns)

    def values(row: Model) -> list[Any]:
        return [row.pk, *(field.get_db_prep_save(field.pre_save(row, False), connection) for field in fields)]

    update_values(model, columns, [values(row) for row in rows])


def update_values(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """As `update_rows`. Each of `rows` is an id and the columns' values, as the database takes them."""
    if not rows:
        return
    table = model._meta.db_table
    fields = _fields(model, ["id", *columns])
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # without a server between, row by row is as fast as it gets
            sets = ", ".join(f"{column} = %s" for column in columns)
            statement = f"UPDATE {table} SET {sets} WHERE id = %s"  # noqa: S608 - names of ours
            cursor.executemany(statement, [(*values, row_id) for row_id, *values in rows])
            return
        sets = ", ".join(f"{column} = news.{column}" for column in columns)
        arrays = ", ".join(f"%b::{field.db_type(connection)}[]" for field in fields)
        news = f"unnest({arrays}) AS news (id, {', '.join(columns)})"
        execute_arrays(cursor, f"UPDATE {table} SET {sets} FROM {news} WHERE {table}.id = news.id", rows)  # noqa: S608


def execute_arrays(cursor: CursorWrapper, statement: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Run a statement on PostgreSQL that has a `%b` for the array of each column. The rows that it returns.

    By the driver's own cursor: Django's writes all values into the text of the statement, which takes longer than
    all else about them.
    """
    with connection.wrap_database_errors, Cursor(cursor.connection) as plain:
        plain.execute(statement, [list(values) for values in zip(*rows, strict=True)])
        return plain.fetchall() if plain.description else []


def _fields(model: type[Model], columns: Sequence[str]) -> list[Field[Any, Any]]:
    """By their attnames, which are the columns' names."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[column] for column in columns]
