"""One statement for many rows, which go to PostgreSQL as one JSON value; and INSERT and UPDATE made so.

Django's bulk_update writes a CASE for every row and column, its bulk_create resolves an expression for each value, and
its upsert takes all columns of a row: at fifty columns each costs more than all else that is done for a batch of news.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import orjson
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
    columns = [_prepared(field, [field.pre_save(row, True) for row in rows]) for field in fields]
    for row, row_id in zip(rows, _inserted_ids(model, fields, list(zip(*columns, strict=True))), strict=True):
        row.pk = row_id
        row._state.adding, row._state.db = False, connection.alias


def _inserted_ids(model: type[Model], fields: Sequence[Field[Any, Any]], rows: Sequence[Sequence[Any]]) -> list[int]:
    into = _into(model, fields)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            with connection.wrap_database_errors:
                plain = connection.connection.cursor()
                statement = f"{into} VALUES ({', '.join('?' * len(fields))})"
                return [plain.execute(statement, values).lastrowid for values in rows]
        statement = f"{into} SELECT * FROM {_records(fields)} RETURNING id"  # noqa: S608 - names of ours
        return [row_id for (row_id,) in _execute(cursor, statement, fields, rows)]


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
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"{_into(model, fields)} VALUES ({places}) {conflict}", ready)
        else:
            statement = f"{_into(model, fields)} SELECT * FROM {_records(fields)} {conflict}"  # noqa: S608 - ours
            _execute(cursor, statement, fields, ready)


def update_rows(rows: Sequence[Model], columns: Sequence[str]) -> None:
    """Write these columns (by attname) of stored rows, all of one model."""
    if not rows:
        return
    model = type(rows[0])
    values = [_prepared(field, [field.pre_save(row, False) for row in rows]) for field in _fields(model, columns)]
    update_values(model, columns, list(zip([row.pk for row in rows], *values, strict=True)))


def update_values(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """As `update_rows`. Each of `rows` is an id and the columns' values, as the database takes them, JSON as text."""
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
        statement = f"UPDATE {table} SET {sets} FROM {_records(fields)} WHERE {table}.id = news.id"  # noqa: S608 - ours
        _execute(cursor, statement, fields, rows)


def _execute(
    cursor: CursorWrapper, statement: str, fields: Sequence[Field[Any, Any]], rows: Sequence[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    """Run a statement on PostgreSQL that has the `_records` of these fields. The rows that it returns.

    By the driver's own cursor: Django's writes all values into the text of the statement, which takes longer than
    all else about them.
    """
    names = [field.attname for field in fields]
    json_names = [field.attname for field in fields if isinstance(field, JSONField)]
    records = [dict(zip(names, values, strict=True)) for values in rows]
    for record in records:
        for name in json_names:
            if record[name] is not None:
                record[name] = orjson.Fragment(record[name])
    with connection.wrap_database_errors, Cursor(cursor.connection) as plain:
        plain.execute(statement, [orjson.dumps(records, default=_as_text).decode()])
        return plain.fetchall() if plain.description else []


def _as_text(value: object) -> str:
    """What JSON has no numbers exact enough for."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"no way to write {type(value).__name__} for the database")


def _records(fields: Iterable[Field[Any, Any]]) -> str:
    """The rows of a JSON list of objects, as a table `news` with a column for each of the fields."""
    types = [(field.attname, str(field.db_type(connection))) for field in fields]
    # A limit is a cast of its own: the reading of JSON would refuse a longer text instead of cutting it.
    values = ", ".join(f"{name}::{kind}" if "(" in kind else name for name, kind in types)
    columns = ", ".join(f"{name} {kind.partition('(')[0]}" for name, kind in types)
    return f"(SELECT {values} FROM json_to_recordset(%s::json) AS told ({columns})) AS news"  # noqa: S608 - names of ours


def _into(model: type[Model], fields: Iterable[Field[Any, Any]]) -> str:
    return f"INSERT INTO {model._meta.db_table} ({', '.join(field.attname for field in fields)})"


def _prepared(field: Field[Any, Any], values: Sequence[Any]) -> Sequence[Any]:
    """As the database takes them, JSON as text. PostgreSQL itself reads the others as what their column holds."""
    if isinstance(field, JSONField):
        return [None if value is None else json.dumps(value, cls=field.encoder) for value in values]
    if connection.vendor == "postgresql":
        return values
    here = connections[connection.alias]  # not the proxy, which finds it anew at each touch
    known: dict[Any, Any] = {}  # rows of a batch are much alike: what was prepared once need not be again
    for value in values:
        if value not in known:
            known[value] = field.get_db_prep_save(value, here)
    return [known[value] for value in values]


def _fields(model: type[Model], columns: Sequence[str]) -> list[Field[Any, Any]]:
    """By their attnames, which are the columns' names."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[column] for column in columns]
