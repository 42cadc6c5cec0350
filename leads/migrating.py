"""What migrations do otherwise than Django, which keeps a busy table locked for as long as it looks through it."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AlterField
from django.db.migrations.state import ProjectState
from django.db.models import Index


class DropFieldIndex(AlterField):
    """`AlterField` to a field with `db_index=False`, for which nothing but its index goes.

    Django would also make the foreign key anew, and test all rows by it. In a migration that is not atomic: PostgreSQL
    lets others go on meanwhile only outside of a transaction.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        field: Any = model._meta.get_field(self.name)
        connection = schema_editor.connection
        if not self.allow_migrate_model(connection.alias, model):
            return
        if field.db_index:  # undone: SQLite would make the table anew for it, which no view that reads it outlives
            for statement in schema_editor._field_indexes_sql(model, field):  # type: ignore[attr-defined]
                schema_editor.execute(statement)
            return
        named = {index.name for index in model._meta.indexes}
        how = "CONCURRENTLY IF EXISTS" if connection.vendor == "postgresql" else "IF EXISTS"
        # As Django finds it, too.
        own: list[str] = schema_editor._constraint_names(  # type: ignore[attr-defined]
            model, [field.column], index=True, unique=False, type_=Index.suffix, exclude=named
        )
        for name in own:
            schema_editor.execute(f"DROP INDEX {how} {schema_editor.quote_name(name)}")
