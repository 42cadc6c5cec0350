"""One statement for many rows, its values as arrays; and INSERT and UPDATE made so.

Django's bulk_update writes a CASE for every row and column, its bulk_create resolves an expression for each value, and
its upsert takes all columns of a row: at fifty columns each costs more than all else that is done for a batch of news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, JSONField, Model
from psycopg import Cursor

SKIP = "ON CONFLICT DO NOTHING"


def insert_rows(rows: Sequence[Model]) -> None:
    """Insert new rows, all of one model; each gets its id, as by `bulk_create`."""
    if not rows:
        return
    model = type(rows[0])
    fields = [field for field in model._meta.concrete_fields if not field.primary_key and not field.generated]
    columns = [_prepared(field, (field.pre_save(row, True) for row in rows)) for field in fields]
    for row, row_id in zip(rows, _inserted_ids(model, fields, list(zip(*columns, strict=True))), strict=True):
        row.pk = row_id
        row._state.adding, row._state.db = False, connection.alias


def _inserted_ids(model: type[Model], fields: Sequence[Field[Any, Any]], rows: Sequence[Sequence[Any]]) -> list[int]:
    table, names = model._meta.db_table, ", ".join(field.attname for field in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608 - ours
            with connection.wrap_database_errors:
                plain = connection.connection.cursor()
                return [plain.execute(statement, values).lastrowid for values in rows]
        statement = f"INSERT INTO {table} ({names}) SELECT * FROM {_unnested(fields)} RETURNING id"  # noqa: S608 - ours
        return [row_id for (row_id,) in execute_arrays(cursor, statement, rows)]


def insert_values(
    model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], *, conflict: str = ""
) -> None:
    """Insert rows given as their values, as they are in Python, of these columns (by attname); the others are left to
    the database.

    :param conflict: what is done about a row that is there already, as SQL says it: `ON CONFLICT …`.
    """
    if not rows:
        return
    fields = _fields(model, columns)
    prepared = [_prepared(field, values) for field, values in zip(fields, zip(*rows, strict=True), strict=True)]
    ready = list(zip(*prepared, strict=True))
    into = f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"{into} VALUES ({places}) {conflict}", ready)
        else:
            execute_arrays(cursor, f"{into} SELECT * FROM {_unnested(fields)} {conflict}", ready)  # noqa: S608 - ours


def update_rows(rows: Sequence[Model], columns: Sequence[str]) -> None:
    """Write these columns (by attname) of stored rows, all of one model."""
    if not rows:
        return
    model = type(rows[0])
    values = [_prepared(field, (field.pre_save(row, False) for row in rows)) for field in _fields(model, columns)]
    update_values(model, columns, list(zip([row.pk for row in rows], *values, strict=True)))


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
        news = f"{_unnested(fields)} AS news (id, {', '.join(columns)})"
        execute_arrays(cursor, f"UPDATE {table} SET {sets} FROM {news} WHERE {table}.id = news.id", rows)  # noqa: S608


def execute_arrays(cursor: CursorWrapper, statement: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Run a statement on PostgreSQL that has a `%b` for the array of each column. The rows that it returns.

    By the driver's own cursor: Django's writes all values into the text of the statement, which takes longer than
    all else about them.
    """
    with connection.wrap_database_errors, Cursor(cursor.connection) as plain:
        plain.execute(statement, [list(values) for values in zip(*rows, strict=True)])
        return plain.fetchall() if plain.description else []


def _unnested(fields: Iterable[Field[Any, Any]]) -> str:
    """The rows of which each field's array holds the values, in their order."""
    return f"unnest({', '.join(f'%b::{field.db_type(connection)}[]' for field in fields)})"


def _prepared(field: Field[Any, Any], values: Iterable[Any]) -> list[Any]:
    """As the database takes them. Rows of a batch are much alike: what was prepared once need not be again."""
    here = connections[connection.alias]  # not the proxy, which finds it anew at each touch
    if isinstance(field, JSONField):  # to which 1 and True are not the same
        return [field.get_db_prep_save(value, here) for value in values]
    known: dict[Any, Any] = {None: field.get_db_prep_save(None, here)}
    prepared = []
    for value in values:
        if value not in known:
            known[value] = field.get_db_prep_save(value, here)
        prepared.append(known[value])
    return prepared


def _fields(model: type[Model], columns: Sequence[str]) -> list[Field[Any, Any]]:
    """By their attnames, which are the columns' names."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[column] for column in columns]
