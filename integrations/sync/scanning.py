"""Reading everything: all deals, then all contacts, by their ids, from wherever an earlier worker got to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from integrations.amocrm.entities import contacts_in, deals_in
from integrations.amocrm.lookups import PAGE
from integrations.sync.pages import apply_contacts, apply_deals
from integrations.sync.session import Session
from leads.news import ContactSnapshot, DealSnapshot

T = TypeVar("T", DealSnapshot, ContactSnapshot)
ORDER = {"limit": PAGE, "order[id]": "asc"}
_PROBE_FROM = 8
_PROBE_UP_TO = 8192


def scan_deals(session: Session) -> None:
    def parse(answer: Any, asked_at: datetime) -> Sequence[DealSnapshot]:
        return deals_in(answer, read_at=asked_at, mapping=session.account.utm_mapping)

    def apply(deals: Sequence[DealSnapshot]) -> None:
        session.run.total += len(deals)
        apply_deals(session, deals)

    _scan(session, "leads", {**ORDER, "with": "contacts"}, parse, apply)


def scan_contacts(session: Session) -> None:
    _scan(session, "contacts", ORDER, lambda answer, _: contacts_in(answer), lambda rows: apply_contacts(session, rows))


def _scan(
    session: Session,
    path: str,
    query: dict[str, Any],
    parse: Callable[[Any, datetime], Sequence[T]],
    apply: Callable[[Sequence[T]], None],
) -> None:
    for page in session.reader.pages(path, query, parse, start=session.cursor.get("page", 1)):
        if page.number == 1 and page.has_next and path == "leads":
            session.remember(pages=_pages_about(session, query))
        with session.page():
            apply(page.rows)
            session.forget_changed()
            session.remember(page=page.number + 1)
            _show(session, path, page.number, has_next=page.has_next)


def _show(session: Session, path: str, number: int, *, has_next: bool) -> None:
    """Contacts are taken to be about as many as deals, until their last page says better."""
    pages = max(number + has_next, session.cursor.get("pages", 1)) if has_next else number
    if path == "leads":
        session.remember(pages=pages)
        left = pages - number + pages
    else:
        left = pages - number
    session.show(phase=path, done=number * PAGE, expected=pages * PAGE if has_next else number * PAGE, pages_left=left)


def _pages_about(session: Session, query: dict[str, Any]) -> int:
    """amoCRM tells no totals, and a bar needs one: where the list ends, to an eighth, by a handful of pages."""
    low, high = 1, _PROBE_FROM
    while high < _PROBE_UP_TO and _is_there(session, query, high):
        low, high = high, high * 4
    while high - low > max(1, low // 4):
        middle = (low + high) // 2
        low, high = (middle, high) if _is_there(session, query, middle) else (low, middle)
    return (low + high) // 2


def _is_there(session: Session, query: dict[str, Any], number: int) -> bool:
    # One row a page: the same place in the list, without the weight of a whole page.
    place = (number - 1) * PAGE + 1
    answer = session.reader.page("leads", {**query, "limit": 1, "with": ""}, place, lambda found, _: found)
    return bool(answer.rows)
