"""What amoCRM's events tell: stages passed unseen, deals deleted, restored and merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from integrations.amocrm.deal_events import (
    DELETED,
    MERGED,
    MOST_DEALS,
    RESTORED,
    DealEvent,
    deal_events_in,
    events_query,
    stage_events_query,
)
from integrations.amocrm.entities import StageEvent, stage_events_in
from integrations.amocrm.lookups import is_newest_first
from integrations.sync.beginnings import beginnings
from integrations.sync.merging import MERGED_INTO, Merge, settle_merges
from integrations.sync.runs import start_history
from integrations.sync.session import Session
from integrations.sync.trash import note_shifts
from leads.deals.stored import leads_by_deal
from leads.models import StageNews
from leads.news import DealSnapshot

# Events are indexed later than deals, by an unknown time.
OVERLAP = timedelta(minutes=10)
# Of a first run's requests, so many may be for old history at once; the rest is read by a run of its own.
_SHARE = 0.1
_AT_LEAST = 10


class EventPage(NamedTuple):
    stages: Sequence[StageEvent]
    others: Sequence[DealEvent]


def parse_events(answer: Any, _asked_at: datetime | None = None) -> EventPage:
    return EventPage(stage_events_in(answer), deal_events_in(answer))


def read_recent_events(session: Session) -> None:
    """All kinds of events since the last certain point. Read again from its first page by whoever goes on."""
    since = session.moment("since_events")
    low = since - OVERLAP if since else None
    number, merges = 0, dict[str, Merge]()
    while True:
        number += 1
        page = session.reader.page("events", events_query(since=low), number, parse_events)
        gone = _deleted_unseen(session, page.rows.others)
        with session.page(gives_way=False):
            _remember_newest(session, page.rows)
            _apply_deletions(session, gone, page.rows.others)
            apply_stages(session, page.rows.stages)
            note_shifts(session, (event.at for event in page.rows.others if event.kind in (DELETED, MERGED)))
            session.show(phase="events", done=number, expected=None)
        _read_where_unread(session, page.rows.stages)
        _read_restored(session, page.rows.others)
        told = [event for event in page.rows.others if event.kind == MERGED and _counts(session, event)]
        merges |= {event.event_id: Merge(event.deal_id, event.at) for event in told}
        if not page.has_next or _is_past(page.rows, low):
            break
    settle_merges(session, merges)


def _read_where_unread(session: Session, events: Sequence[StageEvent]) -> None:
    """Read the deals that by these events stand where no reading has seen them: the list's pages may have missed them,
    and money follows a deal's own word only."""
    leads = leads_by_deal(session.account, {event.deal_id for event in events})
    unread = [deal_id for deal_id, lead in leads.items() if not lead.is_stage_confirmed and not lead.is_deleted]
    if not unread:
        return
    read = session.reader.client.deals(unread)
    told = [replace(deal, evidence=session.evidence) for deal in read.values() if not deal.is_deleted]
    if told:
        with session.page(gives_way=False):
            session.ledger.note_deals(leads_by_deal(session.account, unread), told)
            session.apply(told)


def _read_restored(session: Session, events: Sequence[DealEvent]) -> None:
    """The whole history of the deals that came out of the bin: before, they may have had no lead to put it into."""
    restored = leads_by_deal(session.account, {event.deal_id for event in events if event.kind == RESTORED})
    ids = sorted(restored)
    for start in range(0, len(ids), MOST_DEALS):
        asked = set(ids[start : start + MOST_DEALS])
        for page in session.reader.pages("events", stage_events_query(asked), parse_events):
            stages = [event for event in page.rows.stages if event.deal_id in asked]
            with session.page(gives_way=False):
                apply_stages(session, stages)
            if not stages:
                break  # the filter is ignored, and this would go on through the history of all


def read_first_events(session: Session) -> None:
    """The newest of the events of before the first run; where there are many, a run of its own reads on."""
    until = session.moment("floor")
    budget = max(_AT_LEAST, int(session.reader.requests_made * _SHARE))
    pages = session.reader.pages("events", events_query(until=until), parse_events, start=session.cursor.get("page", 1))
    for page in pages:
        with session.page():
            apply_stages(session, page.rows.stages)
            session.forget_changed()
            session.remember(page=page.number + 1)
            session.show(phase="events", done=page.number, expected=None)
        if page.has_next and page.number >= budget:
            start_history(session.account, session.cursor, page=page.number + 1)
            return


def read_old_events(session: Session) -> None:
    """The history run: on from where the first run stopped. Nothing shifts, for the window's end is fixed."""
    query = events_query(until=session.moment("until"))
    for page in session.reader.pages("events", query, parse_events, start=session.cursor.get("page", 1)):
        with session.page():
            apply_stages(session, page.rows.stages)
            session.forget_changed()
            session.remember(page=page.number + 1)
            session.run.total += len(page.rows.stages)
            session.show(phase="events", done=session.run.total, expected=None)


def apply_stages(session: Session, events: Sequence[StageEvent]) -> None:
    """Put stages into the history of the deals that we know, and where each began. Inside a page's transaction."""
    known = {
        deal_id: lead
        for deal_id, lead in leads_by_deal(session.account, {event.deal_id for event in events}).items()
        if not lead.match_detail.startswith(MERGED_INTO)  # its history went with it into another deal
    }
    events = [event for event in events if event.deal_id in known]
    session.ledger.note_stages(events, known)
    told = [_passed(session, event) for event in _not_yet_in_history(session, events)]
    told += beginnings(session, events, known)
    if told:
        session.apply(told)


def _passed(session: Session, event: StageEvent) -> DealSnapshot:
    return DealSnapshot(
        event.deal_id,
        updated_at=event.changed_at,
        pipeline_id=event.to_pipeline_id,
        status_id=event.to_status_id,
        evidence=replace(session.evidence, event_id=event.event_id),
    )


def _not_yet_in_history(session: Session, events: Sequence[StageEvent]) -> list[StageEvent]:
    news = StageNews.objects.filter(
        user_account=session.account, amocrm_lead_id__in={event.deal_id for event in events}
    ).values_list("amocrm_lead_id", "at", "pipeline_id", "status_id")
    known = set(news)
    return [e for e in events if (e.deal_id, e.changed_at, e.to_pipeline_id, e.to_status_id) not in known]


def _counts(session: Session, event: DealEvent) -> bool:
    floor = session.moment("floor")
    return floor is None or event.at >= floor


def _remember_newest(session: Session, page: EventPage) -> None:
    times = [event.at for event in page.others]
    newest = max([*times, *filter(None, [session.moment("high_events")])], default=None)
    if newest is not None:
        session.remember(high_events=newest)


def _is_past(page: EventPage, low: datetime | None) -> bool:
    """Where the bound was ignored: the events come newest first, as this page shows, and these are all too old."""
    times = [event.at for event in page.others]
    return low is not None and bool(times) and max(times) < low and is_newest_first(times)


def _deleted_unseen(session: Session, events: Iterable[DealEvent]) -> dict[int, DealSnapshot | None]:
    """Deals whose events say otherwise than their leads, read now; None for one that is no longer there."""
    fates: dict[int, bool] = {}
    for event in sorted(events, key=lambda one: (one.at, one.event_id)):
        if event.kind in (DELETED, RESTORED):
            fates[event.deal_id] = event.kind == DELETED
    doubtful = [key for key, lead in leads_by_deal(session.account, fates).items() if lead.is_deleted != fates[key]]
    if not doubtful:
        return {}
    read = session.reader.client.deals(doubtful)
    return {deal_id: read.get(deal_id) for deal_id in doubtful}


def _apply_deletions(session: Session, read: Mapping[int, DealSnapshot | None], events: Iterable[DealEvent]) -> None:
    times = {event.deal_id: event.at for event in sorted(events, key=lambda one: one.at) if event.kind == DELETED}
    leads = leads_by_deal(session.account, read)
    told: list[DealSnapshot] = []
    for deal_id, deal in read.items():
        if deal is not None and not deal.is_deleted:
            session.ledger.note_deals(leads, [deal])
            told.append(replace(deal, evidence=session.evidence))
        elif deal_id in leads and deal_id in times and not leads[deal_id].is_deleted:
            session.ledger.note_deleted(leads[deal_id], times[deal_id])
            read_at = deal.read_at if deal else times[deal_id]
            told.append(DealSnapshot(deal_id, is_deleted=True, read_at=read_at, evidence=session.evidence))
    if told:
        session.apply(told)
