"""When a sync begins: by the clock, spread by account, or hastened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from analytics.models import Sale
from integrations.models import SyncDue, SyncRun
from integrations.sync import runs
from integrations.sync.schedule import PLAN, hasten, place_of, plan_syncs, take_due
from integrations.sync.tasks import tend
from integrations.tests.sync_world import finish, sync
from integrations.tests.world import deliver, drain_all
from leads.models import UserAccount
from sandbox import Server


def test_syncs_by_the_clock_are_spread_by_account(connected: UserAccount) -> None:
    now = timezone.now()
    plan_syncs(now)
    due = SyncDue.objects.get().due_at
    assert now <= due <= now + timedelta(hours=1)
    assert 0 <= place_of(connected.pk) < 1
    assert take_due(due - timedelta(seconds=1)) == []
    assert take_due(due) == [connected]
    assert take_due(due) == []


@pytest.mark.parametrize(("minute", "at_most"), [("*/15", timedelta(minutes=15)), ("*", timedelta(0))])
def test_syncs_are_spread_over_the_time_that_was_set_in_the_admin(
    connected: UserAccount, monkeypatch: pytest.MonkeyPatch, minute: str, at_most: timedelta
) -> None:
    monkeypatch.setattr("integrations.sync.schedule.place_of", lambda _account_id: 0.99)
    crontab = CrontabSchedule.objects.create(minute=minute, timezone="Asia/Kathmandu")
    PeriodicTask.objects.create(name="Read deals, find what no hook told", task=PLAN, crontab=crontab)
    now = timezone.now()
    plan_syncs(now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond))
    assert SyncDue.objects.get().due_at <= now + at_most


def test_what_hastens_a_sync_while_one_is_under_way_gets_one_after_it(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", price=700, phone="+77011111111")
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    run = runs.start(connected)
    SyncRun.objects.filter(pk=run.pk).update(is_cancelled=True)  # it will read no more events
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    deliver(connected, f"leads[update][0][id]={gone.id}")
    drain_all(connected)
    tend()
    assert SyncDue.objects.exists()
    finish(run)
    tend()
    assert not SyncDue.objects.exists()
    finish(SyncRun.objects.get(state="running"))
    assert [sale.amocrm_deal_id for sale in Sale.objects.all()] == [survivor.id]


def test_who_is_killed_before_the_sync_has_begun_leaves_its_moment(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasten(connected, timezone.now())

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs, "start", die)
        with pytest.raises(KeyboardInterrupt):
            tend()
    tend()
    assert SyncRun.objects.get().state == "running"
    assert not SyncDue.objects.exists()


def test_a_moment_given_by_a_clock_that_was_a_year_ahead_is_given_anew(connected: UserAccount) -> None:
    now = timezone.now()
    plan_syncs(now + timedelta(days=365))
    plan_syncs(now)
    assert [account.pk for account in take_due(now + timedelta(hours=6))] == [connected.pk]


def test_the_clock_does_not_put_off_a_sync_that_was_hastened(connected: UserAccount) -> None:
    now = timezone.now()
    hasten(connected, now)
    plan_syncs(now)
    assert take_due(now) == [connected]
    plan_syncs(now)
    due = SyncDue.objects.get().due_at
    plan_syncs(now + timedelta(seconds=30))
    assert SyncDue.objects.get().due_at == due
    hasten(connected, now)
    assert take_due(now) == [connected]
