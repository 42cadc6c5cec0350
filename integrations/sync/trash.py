"""What was deleted without a hook: amoCRM's bin, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count

from integrations.amocrm.deal_events import DeletedDeal, deleted_in
from integrations.sync.reader import Page
from integrations.sync.recent import NEWEST_FIRST, OVERLAP
from integrations.sync.session import Session
from leads.clock import shared_now
from leads.deals.stored import leads_by_deal
from leads.news import DealSnapshot

_CLOCKS_DIFFER = timedelta(minutes=1)


def read_trash(session: Session) -> None:
    """Mark those deals of the bin that we hold for alive. Deals that we never met are not looked for."""
    since = session.moment("since_leads")
    for page in _bin(session):
        with session.page(gives_way=False):
            found = _mark(session, page.rows)
            note_shifts(session, (row.updated_at for row in page.rows))
            session.show(phase="deleted", done=page.number, expected=None)
        if not page.rows or _is_enough(page.rows, since, found=found):
            return


def bin_of(session: Session, deal_ids: Collection[int]) -> set[int]:
    """Those of the deals that are in the bin: deals that read as 204 are there, or were merged away."""
    wanted, found = set(deal_ids), set[int]()
    pages = _bin(session)
    while wanted - found and (page := next(pages, None)):
        session.lease.hold()
        found |= wanted & {row.deal_id for row in page.rows}
    return found


def _bin(session: Session) -> Iterator[Page[tuple[DeletedDeal, ...]]]:
    query = {**NEWEST_FIRST, "with": "only_deleted"}
    for number in count(1):
        page = session.reader.page("leads", query, number, lambda answer, _: deleted_in(answer))
        yield page
        if not page.has_next or not page.rows:
            return


def note_shifts(session: Session, gone_at: Iterable[datetime | None]) -> None:
    """A deal deleted or merged away while pages are read moves those after it up, and one between two pages may be
    missed. So the next run reads anew: all of it, or from where this one has read.

    :param gone_at: when deals left the list.
    """
    since = session.run.started_at - _CLOCKS_DIFFER
    if not any(at is not None and at >= since for at in gone_at):
        return
    cursor = session.cursor
    if cursor["is_whole"]:
        session.remember(is_shaken=True)
    elif cursor.get("is_paged"):
        # Contacts as well: a deal is often deleted together with its contact.
        session.remember(high_leads=cursor["since_leads"], high_contacts=cursor["since_contacts"])


def _mark(session: Session, rows: Sequence[DeletedDeal]) -> int:
    times = {row.deal_id: row.updated_at for row in rows}
    alive = [lead for lead in leads_by_deal(session.account, times).values() if not lead.is_deleted]
    for lead in alive:
        session.ledger.note_deleted(lead, times[lead.amocrm_lead_id or 0])
    now = shared_now()
    if alive:
        session.apply(
            [
                DealSnapshot(lead.amocrm_lead_id or 0, is_deleted=True, read_at=now, evidence=session.evidence)
                for lead in alive
            ]
        )
    return len(alive)


def _is_enough(rows: Sequence[DeletedDeal], since: datetime | None, *, found: int) -> bool:
    """The bin's order is nowhere promised: it is believed only where the page shows it. Where it is not in order we
    go on while there is something to find; deletions are also told by events."""
    times = [row.updated_at for row in rows if row.updated_at is not None]
    is_falling = len(times) == len(rows) and times == sorted(times, reverse=True)
    if since is None or not is_falling:
        return not found
    return times[-1] < since - OVERLAP
