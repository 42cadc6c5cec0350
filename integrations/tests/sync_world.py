"""Shorthands of the syncs' tests: a run worked to its end, the ledger, and what amoCRM itself would answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.models import SyncGap, SyncRun
from integrations.sync import runs
from integrations.sync.runner import work
from leads.models import Lead, LeadStatusHistory, UserAccount
from sandbox import CrmAccount


def sync(account: UserAccount, *, full: bool = False, turns: int = 20) -> SyncRun:
    """A run, worked on until it is over."""
    return finish(runs.start(account, full=full), turns=turns)


def finish(run: SyncRun, *, turns: int = 20, between: Callable[[], None] = lambda: None) -> SyncRun:
    for _turn in range(turns):
        work(run.pk, ring_again=lambda _seconds: None)
        run.refresh_from_db()
        if run.state != SyncRun.State.RUNNING:
            return run
        between()
    raise AssertionError("the run does not come to an end")


def gaps(account: UserAccount) -> list[tuple[int, str]]:
    """(deal, what), in order."""
    found = SyncGap.objects.filter(user_account=account)
    return sorted(found.values_list("amocrm_lead_id", "what"))


def their_history(demo: CrmAccount, deal_id: int) -> list[tuple[int, int]]:
    """(second, stage) of a deal, by amoCRM's events; its first stage at its creation."""
    events = [
        event
        for event in demo.history.by_id.values()
        if event.entity_id == deal_id and event.type == "lead_status_changed"
    ]
    deal = demo.deals.by_id[deal_id]
    if not events:
        return [(deal.created_at, deal.status_id)]
    events.sort(key=lambda event: (event.created_at, event.id))

    def stage(values: list[dict[str, Any]]) -> int:
        return int(values[0]["lead_status"]["id"])

    return [
        (deal.created_at, stage(events[0].value_before)),
        *((event.created_at, stage(event.value_after)) for event in events),
    ]


def our_history(account: UserAccount, deal_id: int) -> list[tuple[int, int]]:
    changes = LeadStatusHistory.objects.filter(user_account=account, amocrm_lead_id=deal_id)
    return [
        (int(change.changed_at.timestamp()), change.to_status_id) for change in changes.order_by("changed_at", "tie")
    ]


def known_deals(account: UserAccount) -> dict[int, Lead]:
    leads = Lead.objects.filter(user_account=account, amocrm_lead_id__isnull=False)
    return {lead.amocrm_lead_id: lead for lead in leads if lead.amocrm_lead_id is not None}
