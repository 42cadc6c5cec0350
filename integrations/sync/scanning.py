"""Reading everything: contacts and deals by their ids, a page of each at a time, from where an earlier worker got to.

Ids of both ascend with time, so that most deals find their contacts read already and are written once. The others are
completed when their contact's page comes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar

from integrations.amocrm.entities import contacts_in
from integrations.amocrm.errors import RequestError
from integrations.amocrm.lookups import PAGE
from integrations.sync.pages import apply_contacts, apply_deals, befriend, parse_deals
from integrations.sync.reader import Page
from integrations.sync.session import Session
from leads.deals.facts import phones_typed
from leads.news import ContactSnapshot, DealSnapshot

T = TypeVar("T", DealSnapshot, ContactSnapshot)
Step = Callable[[], None]
"""Inside a page's transaction."""
ORDER = {"limit": PAGE, "order[id]": "asc"}
LISTS = ("contacts", "leads")


def scan_all(session: Session) -> None:
    """All contacts and all deals; at last the deals whose main contact turned out to have no phone."""
    # The list that is behind goes first: a turn that ends after one page would else never get to it.
    unread = [path for path in LISTS if not session.cursor.get(f"is_read_{path}")]
    unread.sort(key=lambda path: session.cursor.get(f"page_{path}", 1))
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(_READERS[path](session))) for path in unread]
        for pages in zip_longest(*readers):
            with session.page():
                for apply in filter(None, pages):
                    apply()
                session.show(phase="leads", **_progress(session))
    for batch in session.staging.lonely():
        with session.page():
            befriend(session, batch)


def _deals(session: Session) -> Generator[Step]:
    def apply(deals: Sequence[DealSnapshot]) -> None:
        session.run.total += len(deals)
        session.staging.keep_lonely(apply_deals(session, deals))

    return _pages(session, "leads", {**ORDER, "with": "contacts"}, partial(parse_deals, session), apply)


def _contacts(session: Session) -> Generator[Step]:
    def parse(answer: Any, _asked_at: datetime) -> Sequence[ContactSnapshot]:
        contacts = contacts_in(answer)
        # Here, in the reader's thread, while another page is being written: who applies them finds them at hand.
        phones_typed(contacts, session.account.phone_region)
        return contacts

    try:
        yield from _pages(session, "contacts", ORDER, parse, partial(apply_contacts, session))
    except RequestError as error:
        session.note(error)  # without rights for contacts the deals are still worth having


_READERS = {"contacts": _contacts, "leads": _deals}


def _pages(
    session: Session,
    path: str,
    query: dict[str, Any],
    parse: Callable[[Any, datetime], Sequence[T]],
    apply: Callable[[Sequence[T]], None],
) -> Generator[Step]:
    """Each step applies a page that was read."""
    pages = session.reader.pages(
        path, query, parse, start=session.cursor.get(f"page_{path}", 1), last=lambda: _expected(session, path)
    )
    with closing(pages):
        for page in pages:
            yield partial(_apply, session, path, page, apply)


def _apply(session: Session, path: str, page: Page[Sequence[T]], apply: Callable[[Sequence[T]], None]) -> None:
    apply(page.rows)
    session.forget_changed()
    _measure(session, path, page.number, [_id(row) for row in page.rows], has_next=page.has_next)


def _id(row: DealSnapshot | ContactSnapshot) -> int:
    return row.deal_id if isinstance(row, DealSnapshot) else row.contact_id


def _measure(session: Session, path: str, number: int, ids: Sequence[int], *, has_next: bool) -> None:
    """Remember how far the list is read, and how long it seems to be: amoCRM tells no totals, but its last id."""
    pages = number
    if has_next and ids:
        first = session.cursor.setdefault(f"first_{path}", ids[0])
        share = (ids[-1] - first) / max(1, session.cursor.get(f"last_{path}", 0) - first)
        pages = max(number + 1, round(number / share)) if share > 0 else number + 1
    session.remember(**{f"page_{path}": number + 1, f"pages_{path}": pages, f"is_read_{path}": not has_next})


def _expected(session: Session, path: str) -> int:
    return int(session.cursor.get(f"pages_{path}", 1))


def _progress(session: Session) -> dict[str, int]:
    done = sum(session.cursor.get(f"page_{path}", 1) - 1 for path in LISTS)
    expected = sum(_expected(session, path) for path in LISTS)
    return {"done": done * PAGE, "expected": expected * PAGE, "pages_left": max(0, expected - done)}
