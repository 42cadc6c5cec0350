"""What amoCRM's events tell: stages passed unseen, deals deleted, restored and merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Min

from integrations.amocrm.deal_events import DELETED, MERGED, RESTORED, DealEvent, deal_events_in, events_query
from integrations.amocrm.entities import StageEvent, stage_events_in
from integrations.sync.merging import Merge, settle_merges
from integrations.sync.pages import leads_of
from integrations.sync.runs import start_history
from integrations.sync.session import Session
from leads.models import Lead, StageNews
from leads.news import DealSnapshot, Evidence

# Events are indexed later than deals, by an unknown time.
OVERLAP = timedelta(minutes=10)
INITIAL = "initial"
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
        with session.page():
            _remember_newest(session, page.rows)
            _apply_deletions(session, gone, page.rows.others)
            apply_stages(session, page.rows.stages)
            session.show(phase="events", done=number, expected=None)
        told = [event for event in page.rows.others if event.kind == MERGED and _counts(session, event)]
        merges |= {event.event_id: Merge(event.deal_id, event.at) for event in told}
        if not page.has_next or _is_past(page.rows, low):
            break
    settle_merges(session, list(merges.values()))


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
            start_history(session.account, {"page": page.number + 1, "until": session.cursor.get("floor")})
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
    known = leads_of(session, {event.deal_id for event in events})
    events = [event for event in events if event.deal_id in known]
    session.ledger.note_stages(events, known)
    told = [_passed(session, event) for event in _not_yet_in_history(session, events)]
    told += _beginnings(session, events, known)
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


def _beginnings(session: Session, events: Sequence[StageEvent], leads: Mapping[int, Lead]) -> list[DealSnapshot]:
    """The stage before a deal's earliest event is where it was created, unless something older is known of it.

    Events come in no order: a beginning that was taken from a later event gives way to one from an earlier.
    """
    earliest: dict[int, StageEvent] = {}
    for event in sorted(events, key=lambda one: (one.changed_at, one.event_id), reverse=True):
        earliest[event.deal_id] = event
    news = StageNews.objects.filter(user_account=session.account, amocrm_lead_id__in=earliest)
    told = news.exclude(evidence__action=INITIAL).values("amocrm_lead_id").annotate(first=Min("at"))
    oldest = {row["amocrm_lead_id"]: row["first"] for row in told}
    first = [
        beginning
        for deal_id, event in earliest.items()
        if (deal_id not in oldest or oldest[deal_id] >= event.changed_at)
        and (beginning := _beginning(session, leads[deal_id], event)) is not None
    ]
    known = {
        (one.amocrm_lead_id, one.at, one.pipeline_id, one.status_id): one.pk
        for one in news.filter(amocrm_lead_id__in=[deal.deal_id for deal in first])
        if one.evidence.get("action") == INITIAL or one.at == leads[one.amocrm_lead_id].amocrm_created_at
    }
    new = [deal for deal in first if (deal.deal_id, deal.updated_at, deal.pipeline_id, deal.status_id) not in known]
    if new:
        news.filter(amocrm_lead_id__in=[deal.deal_id for deal in new], evidence__action=INITIAL).delete()
    return new


def _beginning(session: Session, lead: Lead, event: StageEvent) -> DealSnapshot | None:
    born = lead.amocrm_created_at
    if born is None or born > event.changed_at or not event.from_status_id:
        return None
    return DealSnapshot(
        event.deal_id,
        updated_at=born,
        pipeline_id=event.from_pipeline_id,
        status_id=event.from_status_id,
        evidence=Evidence(sync_run_id=session.run.pk, event_id=event.event_id, action=INITIAL),
    )


def _counts(session: Session, event: DealEvent) -> bool:
    floor = session.moment("floor")
    return floor is None or event.at >= floor


def _remember_newest(session: Session, page: EventPage) -> None:
    times = [event.at for event in page.others]
    newest = max([*times, *filter(None, [session.moment("high_events")])], default=None)
    if newest is not None:
        session.remember(high_events=newest)


def _is_past(page: EventPage, low: datetime | None) -> bool:
    """Where the bound was ignored: the events come newest first, and these are all too old."""
    return low is not None and bool(page.others) and all(event.at < low for event in page.others)


def _deleted_unseen(session: Session, events: Iterable[DealEvent]) -> dict[int, DealSnapshot | None]:
    """Deals whose events say otherwise than their leads, read now; None for one that is no longer there."""
    fates: dict[int, bool] = {}
    for event in sorted(events, key=lambda one: (one.at, one.event_id)):
        if event.kind in (DELETED, RESTORED):
            fates[event.deal_id] = event.kind == DELETED
    doubtful = [key for key, lead in leads_of(session, fates).items() if lead.is_deleted != fates[key]]
    if not doubtful:
        return {}
    read = session.reader.client.deals(doubtful)
    return {deal_id: read.get(deal_id) for deal_id in doubtful}


def _apply_deletions(session: Session, read: Mapping[int, DealSnapshot | None], events: Iterable[DealEvent]) -> None:
    times = {event.deal_id: event.at for event in sorted(events, key=lambda one: one.at) if event.kind == DELETED}
    leads = leads_of(session, read)
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
