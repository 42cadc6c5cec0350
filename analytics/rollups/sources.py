"""What is written into the ledgers when a row changes: what it contributed, negated, and what it contributes then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.rollups.ledgers import LEADS, PATHS, SALES, STAYS, Counting, Ledger, table_of

INSERT, UPDATE, DELETE = "INSERT", "UPDATE", "DELETE"


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
        """Whether one run per statement is enough, for all its rows together, on databases that have such triggers."""
        return not self.before


_DAY = ("amocrm_created_at", "created_at", "is_deleted")
_AD = ("creative_id", "direction_id")
_POSITION = {"postgresql": "strpos", "sqlite": "instr"}


def _is_elsewhere(vendor: str) -> str:
    """A lead that was already counted as having stood in the stage is not changed by standing in it again."""
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
    # A rebuild (which locks these tables) and recounting wait for each other's transactions to end.
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
