"""What migrations do otherwise than Django, which keeps a busy table locked for as long as it looks through it."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex, AlterField, RemoveIndex
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
        # As Django finds it, too.
        own: list[str] = schema_editor._constraint_names(  # type: ignore[attr-defined]
            model, [field.column], index=True, unique=False, type_=Index.suffix, exclude=named
        )
        for name in own:
            _drop(schema_editor, name)


class AddIndexMeanwhile(AddIndex):
    """`AddIndex` while others go on writing; in a migration that is not atomic. One that was cut short begins anew."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            _drop(schema_editor, self.index.name)  # what is left of a former try, and is used by nobody
            schema_editor.add_index(model, self.index, **_meanwhile(schema_editor))


class RemoveIndexMeanwhile(RemoveIndex):
    """`RemoveIndex` while others go on; in a migration that is not atomic."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            _drop(schema_editor, self.name)


def _drop(schema_editor: BaseDatabaseSchemaEditor, name: str) -> None:
    how = "CONCURRENTLY IF EXISTS" if schema_editor.connection.vendor == "postgresql" else "IF EXISTS"
    schema_editor.execute(f"DROP INDEX {how} {schema_editor.quote_name(name)}")


def _meanwhile(schema_editor: BaseDatabaseSchemaEditor) -> dict[str, Any]:
    return {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
