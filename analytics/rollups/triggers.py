"""The triggers that keep the ledgers: before a change they append what the row contributes, negated, and after it what
it contributes then. What lies between is nobody's business: not which statement, which program or which door it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.rollups.ledgers import views
from analytics.rollups.sources import DELETE, INSERT, UPDATE, Source, sources

TRUNCATE = "TRUNCATE"
ROWS = {INSERT: ["NEW"], UPDATE: ["OLD", "NEW"], DELETE: ["OLD"]}


@dataclass(frozen=True, slots=True)
class Trigger:
    """`statements` on each row, of an update only where it changes something; `shared` before them, on PostgreSQL.

    There, what is counted anew is so once for all rows of a statement, whose keys are looked up first.
    """

    vendor: str
    source: Source
    timing: str
    event: str
    statements: tuple[str, ...]
    shared: tuple[str, ...]

    @property
    def name(self) -> str:
        """With a digest of what it does, so that one made by another version is known by its name."""
        does = repr((self._sql(""), views(self.vendor)))
        digest = hashlib.sha256(does.encode()).hexdigest()[:8]
        return f"rollup_{self.source.name}_{self.timing}_{self.event}_{digest}".lower()

    def sql(self) -> list[str]:
        return self._sql(self.name)

    def _sql(self, name: str) -> list[str]:
        return self._postgresql(name) if self.vendor == "postgresql" else [self._sqlite(name)]

    def _sqlite(self, name: str) -> str:
        return (
            f"CREATE TRIGGER {name} {self.timing} {self.event} ON {self.source.table} FOR EACH ROW "
            f"{self._new_when()}{self._when('IS NOT')}BEGIN {' '.join(self.statements)} END"
        )

    def _postgresql(self, name: str) -> list[str]:
        body = f"BEGIN {' '.join([*self.shared, *self.statements])} RETURN COALESCE(NEW, OLD); END"
        each = f"FOR EACH ROW {self._when('IS DISTINCT FROM')}"
        if self.event == TRUNCATE:
            each = "FOR EACH STATEMENT "
        elif self.source.is_recounted:
            tables = " ".join(f"{row} TABLE AS {row.lower()}_rows" for row in ROWS[self.event])
            each = f"REFERENCING {tables} FOR EACH STATEMENT "
            body = self._recounting()
        on = f"{self.timing} {self.event} ON {self.source.table}"
        return [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {_NO_SCANS} AS $$ {body} $$",
            f"CREATE TRIGGER {name} {on} {each}EXECUTE FUNCTION {name}()",
        ]

    def _recounting(self) -> str:
        """The body of a function that counts anew what changed in a statement."""
        keys = _of_statement(self.source, self.event)
        steps = [_look_up(keys), *self.shared]
        if self.event == INSERT and self.source.new_when:
            # Asked only now: until the leads were locked, others may have been at work on the answer.
            steps.append(_look_up(f"{keys} WHERE {self.source.new_when.format(new='new_rows')}"))
        steps += self.statements
        return f"DECLARE keys bigint[]; BEGIN {' '.join(steps)} RETURN NULL; END"

    def _new_when(self) -> str:
        when = self.source.new_when.format(new="NEW") if self.event == INSERT else ""
        return f"WHEN ({when}) " if when else ""

    def _when(self, differs: str) -> str:
        return f"WHEN ({_changed(self.source, 'OLD', 'NEW', differs)}) " if self.event == UPDATE else ""


# Lines of which nothing is certain any more are made anew.
_FORGET = "UPDATE rollup_states SET timezone = '', currency = '', lease = NULL, lease_until = NULL;"
# A session keeps the plans of a function from when the tables were small, and would go on to read them whole.
_NO_SCANS = "SET enable_seqscan = off"


def _look_up(keys: str) -> str:
    return f"keys := ARRAY({keys}); IF keys = '{{}}' THEN RETURN NULL; END IF;"


def triggers(vendor: str) -> list[Trigger]:
    made = (trigger for source in sources(vendor) for trigger in _of(vendor, source))
    wanted = [trigger for trigger in made if trigger.event in trigger.source.events and trigger.statements]
    return [*wanted, *_of_truncation()] if vendor == "postgresql" else wanted


def _of_truncation() -> list[Trigger]:
    """An emptied table names no rows to take back: all lines are made anew."""
    of_table = {source.table: source for source in sources("postgresql")}
    return [Trigger("postgresql", source, "AFTER", TRUNCATE, (_FORGET,), ()) for source in of_table.values()]


def _of(vendor: str, source: Source) -> Iterator[Trigger]:
    # Where no column of it is watched, a key never changes.
    rows = ["OLD", "NEW"] if source.key in source.watched else ["NEW"]
    yield _trigger(vendor, source, "AFTER", INSERT, [*source.inserted, *source.after], ["NEW"])
    yield _trigger(vendor, source, "BEFORE", UPDATE, source.before, rows)
    yield _trigger(vendor, source, "AFTER", UPDATE, source.after, rows)
    yield _trigger(vendor, source, "BEFORE", DELETE, source.before, ["OLD"])
    yield _trigger(vendor, source, "AFTER", DELETE, source.after, ["OLD"])


def _trigger(
    vendor: str, source: Source, timing: str, event: str, statements: Sequence[str], rows: Sequence[str]
) -> Trigger:
    def about(column: str, statement: str, rows: Sequence[str]) -> str:
        if source.is_recounted and vendor == "postgresql":
            return statement.format(among="= ANY (keys)")
        return statement.format(among=f"IN ({', '.join(f'{row}.{column}' for row in rows)})")

    return Trigger(
        vendor,
        source,
        timing,
        event,
        tuple(about(source.key, statement, rows) for statement in statements),
        tuple(about(column, statement, ROWS[event]) for column, statement in source.shared),
    )


def _of_statement(source: Source, event: str) -> str:
    """The keys of all rows that a statement changed."""
    tables = [f"{row.lower()}_rows" for row in ROWS[event]]
    if event != UPDATE:
        return f"SELECT DISTINCT {source.key} FROM {tables[0]}"  # noqa: S608 - constants
    changed = _changed(source, "old_rows", "new_rows", "IS DISTINCT FROM")
    rows = f"FROM old_rows JOIN new_rows ON new_rows.id = old_rows.id WHERE {changed}"
    return " UNION ".join(f"SELECT {table}.{source.key} {rows}" for table in tables)


def _changed(source: Source, old: str, new: str, differs: str) -> str:
    return " OR ".join(f"{old}.{column} {differs} {new}.{column}" for column in source.watched)
