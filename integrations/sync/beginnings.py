"""Where a deal was created: in the stage that its earliest event names as the one before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from integrations.amocrm.entities import StageEvent
from integrations.sync.session import Session
from leads.models import Lead, StageNews
from leads.news import DealSnapshot, Evidence

# How the evidence of a deal's beginning begins; after it stands the second of the event that it was taken from.
INITIAL = "initial"


def beginnings(session: Session, events: Sequence[StageEvent], leads: Mapping[int, Lead]) -> list[DealSnapshot]:
    """The stage before a deal's earliest event is where it was created, unless something else is known of it.

    Events come in no order: a beginning that was taken from a later event gives way to one from an earlier.
    """
    earliest: dict[int, StageEvent] = {}
    for event in sorted(events, key=lambda one: (one.changed_at, one.event_id), reverse=True):
        earliest[event.deal_id] = event
    tellings: dict[int, list[StageNews]] = defaultdict(list)
    for one in StageNews.objects.filter(user_account=session.account, amocrm_lead_id__in=earliest):
        tellings[one.amocrm_lead_id].append(one)
    found: list[DealSnapshot] = []
    outdated: list[int] = []
    for deal_id, event in earliest.items():
        guesses = [one for one in tellings[deal_id] if _guessed_from(one) is not None]
        told = [one for one in tellings[deal_id] if one not in guesses and one.at < event.changed_at]
        is_better = all((_guessed_from(guess) or 0) > event.changed_at.timestamp() for guess in guesses)
        born = leads[deal_id].amocrm_created_at
        if born is not None and is_better and _is_first(event, told, born):
            outdated += [guess.pk for guess in guesses]
            found.append(_beginning(session, event, born))
    if outdated:
        StageNews.objects.filter(pk__in=outdated).delete()
    return found


def _is_first(event: StageEvent, told: Sequence[StageNews], born: datetime) -> bool:
    """Whether the deal stood in the event's first stage since it was born, for all that was told of the time before."""
    if not event.from_status_id or born > event.changed_at:
        return False
    if not told:
        return True
    stages = {(one.pipeline_id, one.status_id) for one in told}
    return stages == {(event.from_pipeline_id, event.from_status_id)} and min(one.at for one in told) > born


def _beginning(session: Session, event: StageEvent, born: datetime) -> DealSnapshot:
    action = f"{INITIAL} {int(event.changed_at.timestamp())}"
    return DealSnapshot(
        event.deal_id,
        updated_at=born,
        pipeline_id=event.from_pipeline_id,
        status_id=event.from_status_id,
        evidence=Evidence(sync_run_id=session.run.pk, event_id=event.event_id, action=action),
    )


def _guessed_from(one: StageNews) -> int | None:
    """Of a beginning that was taken from an event: when that event was."""
    action = str(one.evidence.get("action", ""))
    return int(action.removeprefix(f"{INITIAL} ")) if action.startswith(f"{INITIAL} ") else None
