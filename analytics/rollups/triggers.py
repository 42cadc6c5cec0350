"""The triggers that keep the ledgers: before a change they append what the row contributes, negated, and after it what
it contributes then. What lies between is nobody's business: not which statement, which program or which door it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.rollups.ledgers import LEADS, SALES, VIEWS, Ledger


@dataclass(frozen=True, slots=True)
class Source:
    """A table of which contributions are made.

    :param key: its column that the view has as `match`.
    :param watched: columns by which a contribution differs. No generated ones: a trigger that runs before the change
        does not have them yet.
    :param unset: what of a contribution is NULL as long as there is no row. Of a table whose rows contribute
        themselves, there is nothing before.
    :param shared: (column of the row, statement): how PostgreSQL keeps others from changing what the contribution is
        joined from, until this transaction ends. Without it neither of two would see what the other did.
    """

    name: str
    table: str
    ledger: Ledger
    key: str
    match: str
    watched: tuple[str, ...]
    events: tuple[str, ...] = ("INSERT", "UPDATE", "DELETE")
    unset: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()


_SHARE_SALES = "PERFORM 1 FROM sales WHERE id IN ({keys}) FOR SHARE;"
_SHARE_LEADS = "PERFORM 1 FROM leads WHERE id IN ({keys}) FOR SHARE;"
_SHARE_LEADS_OF_SALES = "PERFORM 1 FROM leads WHERE id IN (SELECT lead_id FROM sales WHERE id IN ({keys})) FOR SHARE;"
_DAY = ("amocrm_created_at", "created_at", "is_deleted", "creative_id", "direction_id")

SOURCES = (
    Source(
        *("leads", "leads", LEADS, "id", "lead_id"),
        watched=("user_account_id", *_DAY, "utm_source", "utm_campaign", "is_qualified"),
    ),
    # No sale can be of a lead that was not there.
    Source("sales_of_leads", "leads", SALES, "id", "lead_id", watched=_DAY, events=("UPDATE", "DELETE")),
    Source(
        *("sales", "sales", SALES, "id", "sale_id"),
        watched=(
            *("user_account_id", "lead_id", "status", "sold_at", "utm_campaign", "targetologist_id"),
            *("currency", "amount"),
        ),
        shared=(("lead_id", _SHARE_LEADS),),
    ),
    Source(
        *("conversions", "referral_conversions", SALES, "sale_id", "sale_id"),
        watched=("sale_id", "referrer_id", "status"),
        unset=("referrer_id",),
        shared=(("sale_id", _SHARE_SALES), ("sale_id", _SHARE_LEADS_OF_SALES)),
    ),
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """`statements` on each row, `when` it differs; `shared` before them, on PostgreSQL."""

    source: Source
    timing: str
    event: str
    statements: tuple[str, ...]
    shared: tuple[str, ...]

    @property
    def name(self) -> str:
        """With a digest of what it does, so that one made by another version is known by its name."""
        does = repr((self.timing, self.event, self.source.watched, self.statements, self.shared, VIEWS))
        digest = hashlib.sha256(does.encode()).hexdigest()[:8]
        return f"rollup_{self.source.name}_{self.timing}_{self.event}_{digest}".lower()

    def sql(self, vendor: str) -> list[str]:
        return self._postgresql() if vendor == "postgresql" else [self._sqlite()]

    def _sqlite(self) -> str:
        return (
            f"CREATE TRIGGER {self.name} {self.timing} {self.event} ON {self.source.table} FOR EACH ROW "
            f"{self._when('IS NOT')}BEGIN {' '.join(self.statements)} END"
        )

    def _postgresql(self) -> list[str]:
        body = " ".join([*self.shared, *self.statements])
        function = (
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} RETURN COALESCE(NEW, OLD); END $$"
        )
        trigger = (
            f"CREATE TRIGGER {self.name} {self.timing} {self.event} ON {self.source.table} FOR EACH ROW "
            f"{self._when('IS DISTINCT FROM')}EXECUTE FUNCTION {self.name}()"
        )
        return [function, trigger]

    def _when(self, differs: str) -> str:
        if self.event != "UPDATE":
            return ""
        return f"WHEN ({' OR '.join(f'OLD.{column} {differs} NEW.{column}' for column in self.source.watched)}) "


def triggers() -> list[Trigger]:
    return [trigger for source in SOURCES for trigger in _of(source) if trigger.event in source.events]


def _of(source: Source) -> Iterator[Trigger]:
    minus, plus = _append(source, "-"), _append(source, "")
    before = [_append(source, "-", unset=True)] if source.unset else []
    yield _trigger(source, "AFTER", "INSERT", [*before, plus], ["NEW"])
    yield _trigger(source, "BEFORE", "UPDATE", [minus], ["OLD", "NEW"])
    yield _trigger(source, "AFTER", "UPDATE", [plus], ["OLD", "NEW"])
    yield _trigger(source, "BEFORE", "DELETE", [minus], ["OLD"])
    yield _trigger(source, "AFTER", "DELETE", [plus], ["OLD"])


def _trigger(source: Source, timing: str, event: str, statements: Sequence[str], rows: Sequence[str]) -> Trigger:
    def about(column: str, statement: str) -> str:
        return statement.format(keys=", ".join(f"{row}.{column}" for row in rows))

    return Trigger(
        source,
        timing,
        event,
        tuple(about(source.key, statement) for statement in statements),
        tuple(about(column, statement) for column, statement in source.shared),
    )


def _append(source: Source, sign: str, *, unset: bool = False) -> str:
    """Append the contributions of the rows `{keys}` to the ledger."""
    ledger = source.ledger
    columns = [*ledger.keys, "at", *(["rate_at"] if ledger.has_rate else [])]
    values = ["NULL" if unset and column in source.unset else column for column in columns]
    values += [f"{sign}{column}" for column in ledger.sums]
    return (
        f"INSERT INTO {ledger.table} ({', '.join([*columns, *ledger.sums])}, is_folded) "  # noqa: S608 - constants
        f"SELECT {', '.join(values)}, false FROM {ledger.view} WHERE {source.match} IN ({{keys}});"
    )
