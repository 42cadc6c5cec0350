"""`__among`: as `__in`, for hundreds of plain values at once.

`__in` resolves, prepares and binds each value by itself, which for a page of 250 deals costs more than the database
takes to find them. Here they are one parameter: an array, or on SQLite a JSON list.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, IntegerField, Lookup
from django.db.models.sql.compiler import SQLCompiler


@Field.register_lookup
class Among(Lookup[Any]):
    """For columns of integers and of texts; `rhs`: values of just that kind, any iterable."""

    lookup_name = "among"

    def get_prep_lookup(self) -> list[Any]:
        return list(self.rhs)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        if not self.rhs:
            raise EmptyResultSet
        column, params = self.process_lhs(compiler, connection)
        if connection.vendor == "sqlite":
            return f"{column} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]  # noqa: S608 - a column
        if isinstance(self.lhs.output_field, IntegerField):
            # As PostgreSQL writes an array: the driver would look at each of them.
            return f"{column} = ANY(%s::bigint[])", [*params, f"{{{','.join(map(str, self.rhs))}}}"]
        return f"{column} = ANY(%s::text[])", [*params, self.rhs]
