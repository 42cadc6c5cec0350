"""The triggers that keep the ledgers: before a change they append what the row contributes, negated, and after it what
it contributes then. What lies between is nobody's business: not which statement, which program or which door it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.rollups.ledgers import LEADS, PATHS, SALES, STAYS, Counting, Ledger, table_of, views

INSERT, UPDATE, DELETE, TRUNCATE = "INSERT", "UPDATE", "DELETE", "TRUNCATE"
ROWS = {INSERT: ["NEW"], UPDATE: ["OLD", "NEW"], DELETE: ["OLD"]}


@dataclass(frozen=True, slots=True)
class Source:
    """A table of whose rows contributions are made. In all statements `{among}` picks by the values of `key` concerned.

    :param watched: columns by which a contribution differs. No generated ones: a trigger that runs before the change
        does not have them yet.
    :param inserted: what is to be done after an insert besides `after`.
    :param new_when: an inserted row, of which it speaks as `{new}`, changes nothing unless it meets this.
    :param shared: (column, statement): how PostgreSQL keeps others from changing what a contribution is made from,
        until this transaction ends. Without it neither of two would see what the other did.
    """

    name: str
    table: str
    key: str
    watched: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    inserted: tuple[str, ...] = ()
    events: tuple[str, ...] = (INSERT, UPDATE, DELETE)
    new_when: str = ""
    shared: tuple[tuple[str, str], ...] = ()

    @property
    def is_recounted(self) -> bool:
        """What is counted anew may be so for all rows of a statement together, which PostgreSQL can do."""
        return not self.before


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


# --- What is written down when ---


_FORGET = "UPDATE rollup_states SET timezone = '', currency = '', lease = NULL, lease_until = NULL;"
_DAY = ("amocrm_created_at", "created_at", "is_deleted")
_AD = ("creative_id", "direction_id")


_POSITION = {"postgresql": "strpos", "sqlite": "instr"}


def _is_elsewhere(vendor: str) -> str:
    """A lead that was counted as having stood in the stage has stood in no more by this."""
    return f"""NOT EXISTS (
        SELECT 1 FROM lead_paths AS paths
        WHERE paths.lead_id = {{new}}.lead_id AND paths.pipeline_id = {{new}}.to_pipeline_id
            AND {_POSITION[vendor]}(',' || paths.stood || ',', ',' || {{new}}.to_status_id || ',') > 0
    )"""  # noqa: S608 - constants


# The first row of a history ends no stay.
_IS_NOT_FIRST = """EXISTS (
    SELECT 1 FROM amocrm_lead_status_history AS others WHERE others.lead_id = {new}.lead_id AND others.id <> {new}.id
)"""


def sources(vendor: str) -> list[Source]:
    return [*_added_up(), *_counted(vendor)]


def _added_up() -> list[Source]:
    """Of the ledgers to which each row adds for itself."""
    share_sales = "PERFORM 1 FROM sales WHERE id {among} FOR SHARE;"
    share_leads = "PERFORM 1 FROM leads WHERE id {among} FOR SHARE;"
    share_leads_of_sales = share_leads.format(among="IN (SELECT lead_id FROM sales WHERE id {among})")
    return [
        Source(
            *("leads", "leads", "id"),
            watched=("user_account_id", *_DAY, *_AD, "utm_source", "utm_campaign", "is_qualified"),
            before=(_appended(LEADS, "lead_id", "-"),),
            after=(_appended(LEADS, "lead_id"),),
        ),
        Source(
            *("sales_of_leads", "leads", "id"),
            watched=(*_DAY, *_AD),
            before=(_appended(SALES, "lead_id", "-"),),
            after=(_appended(SALES, "lead_id"),),
            events=(UPDATE, DELETE),  # no sale can be of a lead that was not there
        ),
        Source(
            *("sales", "sales", "id"),
            watched=(
                *("user_account_id", "lead_id", "status", "sold_at", "utm_campaign", "targetologist_id"),
                *("currency", "amount"),
            ),
            before=(_appended(SALES, "sale_id", "-"),),
            after=(_appended(SALES, "sale_id"),),
            shared=(("lead_id", share_leads),),
        ),
        Source(
            *("conversions", "referral_conversions", "sale_id"),
            watched=("sale_id", "referrer_id", "status"),
            before=(_appended(SALES, "sale_id", "-"),),
            after=(_appended(SALES, "sale_id"),),
            # The sale was there before, and was nobody's.
            inserted=(_appended(SALES, "sale_id", "-", unset=("referrer_id",)),),
            shared=(("sale_id", share_sales), ("sale_id", share_leads_of_sales)),
        ),
    ]


def _counted(vendor: str) -> list[Source]:
    """Of those for which a lead's whole history is counted anew."""
    # Whoever rebuilds waits for those who recount, and they for him.
    share_counted = "LOCK TABLE lead_paths, lead_stays IN ROW EXCLUSIVE MODE;"
    lock_leads = "PERFORM 1 FROM leads WHERE id {among} FOR NO KEY UPDATE;"
    recounted = (*_recounted(PATHS, vendor), *_recounted(STAYS, vendor))
    return [
        Source(
            *("new_leads", "leads", "id"),
            watched=(),
            before=(),
            # Nothing was counted of it yet, and there is no history for it to have stayed anywhere.
            after=tuple(_counted_anew(PATHS, vendor)),
            events=(INSERT,),
            shared=(("id", share_counted),),
        ),
        Source(
            *("stages_of_leads", "leads", "id"),
            watched=("user_account_id", *_DAY, "current_pipeline_id", "current_status_id"),
            before=(),
            after=recounted,
            events=(UPDATE, DELETE),
            shared=(("id", share_counted),),
        ),
        *(
            Source(
                *(f"history_{what}", "amocrm_lead_status_history", "lead_id"),
                watched=(
                    *("lead_id", "from_pipeline_id", "from_status_id", "to_pipeline_id", "to_status_id"),
                    *("changed_at", "tie"),
                ),
                before=(),
                after=tuple(_recounted(ledger, vendor)),
                new_when=new_when,
                shared=(("lead_id", lock_leads), ("lead_id", share_counted)),
            )
            for what, ledger, new_when in (("paths", PATHS, _is_elsewhere(vendor)), ("stays", STAYS, _IS_NOT_FIRST))
        ),
    ]


def _appended(ledger: Ledger, match: str, sign: str = "", *, unset: Sequence[str] = ()) -> str:
    """Append what the view has of these keys. `unset`: columns that are NULL instead."""
    loose = ["rate_at"] if ledger is SALES else []
    columns = [*ledger.keys, "at", *loose]
    values = ["NULL" if column in unset else column for column in columns]
    values += [f"{sign}{column}" for column in ledger.sums]
    return (
        f"INSERT INTO {ledger.table} ({', '.join([*columns, *ledger.sums])}, is_folded) "  # noqa: S608 - constants
        f"SELECT {', '.join(values)}, false FROM {ledger.view} WHERE {match} {{among}};"
    )


def _recounted(ledger: Ledger, vendor: str) -> list[str]:
    """Take back what was counted of these leads, and count them anew."""
    kept = table_of(_counting(ledger).kept)
    return [
        _kept_appended(ledger, "-"),
        f"DELETE FROM {kept} WHERE lead_id {{among}};",  # noqa: S608 - constants
        *_counted_anew(ledger, vendor),
    ]


def _counted_anew(ledger: Ledger, vendor: str) -> list[str]:
    """Count these leads, of which nothing is counted."""
    counting = _counting(ledger)
    columns = ", ".join(["lead_id", *_counted_keys(ledger), *ledger.sums])
    counted = f"SELECT {columns} FROM ({counting.sql(vendor, '{among}')}) AS counted"  # noqa: S608 - constants
    return [f"INSERT INTO {table_of(counting.kept)} ({columns}) {counted};", _kept_appended(ledger)]


def _kept_appended(ledger: Ledger, sign: str = "") -> str:
    """Append to the ledger what is counted of these leads."""
    keys, kept = _counted_keys(ledger), table_of(_counting(ledger).kept)
    sums = [f"{sign}{column}" for column in ledger.sums]
    return (
        f"INSERT INTO {ledger.table} ({', '.join([*keys, *ledger.sums])}, is_folded) "  # noqa: S608 - constants
        f"SELECT {', '.join([*keys, *sums])}, false FROM {kept} WHERE lead_id {{among}};"
    )


def _counted_keys(ledger: Ledger) -> list[str]:
    return [*ledger.keys, *ledger.blurred, "at"]


def _counting(ledger: Ledger) -> Counting:
    assert ledger.counting is not None
    return ledger.counting
