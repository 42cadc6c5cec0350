"""A worker that is told to end (SIGTERM) does not finish a turn first: whoever works next goes on."""

from __future__ import annotations

import pytest
from celery.worker import state

from integrations.drain.drain import drain
from integrations.models import SyncRun
from integrations.sync import runs
from integrations.sync.runner import work
from integrations.tests.world import deliver, drain_all, form, statuses
from leads.models import Lead, UserAccount
from sandbox import Server, seed_bulk


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The worker is ending; another takes its place by `undo()`."""
    monkeypatch.setattr(state, "should_stop", 0)
    return monkeypatch


def test_a_drain_rings_for_the_next(connected: UserAccount, amocrm: Server, ending: pytest.MonkeyPatch) -> None:
    deal = amocrm.crm.demo.deals.create("Имплант", price=100)
    deliver(connected, form(**{"leads[update][0][id]": deal.id}))
    rings: list[float] = []
    drain(connected.pk, ring_again=rings.append)
    assert (rings, statuses(connected)) == ([0], ["received"])
    ending.undo()
    drain_all(connected)
    assert statuses(connected) == ["success"]


def test_a_sync_stops_after_a_page_and_goes_on_there(
    connected: UserAccount, amocrm: Server, ending: pytest.MonkeyPatch
) -> None:
    seed_bulk(amocrm.crm.demo, 600)
    run = runs.start(connected)
    rings: list[float] = []
    work(run.pk, ring_again=rings.append)
    run.refresh_from_db()
    assert (rings, run.state) == ([0], SyncRun.State.RUNNING)
    ending.undo()
    work(run.pk, ring_again=rings.append)
    run.refresh_from_db()
    assert (run.state, run.total, Lead.objects.count()) == (SyncRun.State.DONE, 600, 600)
