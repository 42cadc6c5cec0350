"""Reading what changed: newest first, down to where the last run was certain, and a little further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from integrations.amocrm.entities import contacts_in, entities_in
from integrations.amocrm.lookups import PAGE, is_all_older
from integrations.amocrm.values import id_of, time_of
from integrations.sync.pages import apply_contacts, apply_deals, befriend, parse_deals, read_contacts_of
from integrations.sync.session import Session
from leads.news import ContactSnapshot, DealSnapshot

T = TypeVar("T", DealSnapshot, ContactSnapshot)
# amoCRM's lists may lag behind its own clock, and rows shift between pages while data changes.
OVERLAP = timedelta(minutes=5)
NEWEST_FIRST = {"limit": PAGE, "order[updated_at]": "desc"}


def read_recent_contacts(session: Session) -> None:
    """Before the deals, which then find their contacts read."""
    query = {**NEWEST_FIRST, "with": "leads"}
    _read(session, "contacts", query, lambda answer, _: contacts_in(answer), partial(apply_contacts, session))


def read_recent_deals(session: Session) -> None:
    seen: set[int] = set()
    session.run.total = 0  # a worker that was killed in this phase has counted them before

    def apply(deals: Sequence[DealSnapshot]) -> None:
        seen.update(deal.deal_id for deal in deals)
        session.run.total = len(seen)
        befriend(session, apply_deals(session, deals))

    query = {**NEWEST_FIRST, "with": "contacts"}
    _read(session, "leads", query, partial(parse_deals, session), apply, prepare=partial(read_contacts_of, session))


def _read(
    session: Session,
    path: str,
    query: dict[str, Any],
    parse: Callable[[Any, datetime], Sequence[T]],
    apply: Callable[[Sequence[T]], None],
    prepare: Callable[[Sequence[T]], None] = lambda rows: None,
) -> None:
    since: datetime | None = session.moment(f"since_{path}")
    number = 0
    while True:
        number += 1
        page = session.reader.page(path, query, number, parse)
        prepare(page.rows)
        times: list[datetime] = [row.updated_at for row in page.rows if row.updated_at is not None]
        with session.page(gives_way=False):
            if f"high_{path}" not in session.cursor:  # only by the first page that any worker of this run has read
                session.remember(**{f"high_{path}": max([*times, *filter(None, [since])], default=None)})
            if number > 1:
                session.remember(is_paged=True)
            apply(page.rows)
            session.show(phase=path, done=number, expected=None)
        if not page.has_next or (since is not None and is_all_older(times, since - OVERLAP)):
            return


def newest(session: Session, path: str) -> datetime | None:
    """When the list was last changed, by the CRM's own clock."""
    rows = session.reader.page(path, {**NEWEST_FIRST, "limit": 1}, 1, lambda answer, _: entities_in(answer, path)).rows
    return max(filter(None, (time_of(row.get("updated_at")) for row in rows)), default=None)


def last_id(session: Session, path: str) -> int:
    """The highest id of the list; 0 where it is empty."""
    query = {"limit": 1, "order[id]": "desc"}
    rows = session.reader.page(path, query, 1, lambda answer, _: entities_in(answer, path)).rows
    return max((id_of(row.get("id")) or 0 for row in rows), default=0)
