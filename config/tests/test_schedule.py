from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.schedules import crontab
from celery.signals import task_revoked
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from config import beat
from config.beat import HeartbeatScheduler
from config.celery import app, heartbeat, task_packages
from config.tests.test_errors import read_only


def test_every_scheduled_task_is_one_that_workers_know() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled <= set(app.tasks)


def test_tasks_are_found_wherever_they_stand() -> None:
    assert "integrations" in task_packages()


@pytest.fixture
def start(db: None) -> Callable[[str], PeriodicTask]:
    """Beat starts with this cron in its environment. The row of the sync."""

    def _start(cron: str) -> PeriodicTask:
        entry = {**settings.CELERY_BEAT_SCHEDULE[NAME], "schedule": crontab(*cron.split())}
        HeartbeatScheduler.Entry.from_entry(NAME, app=app, **entry)
        return PeriodicTask.objects.get(name=NAME)

    return _start


NAME = "Read deals, find what no hook told"


@pytest.mark.django_db
def test_what_beat_rings_for_does_not_pile_up_and_is_heard_where_a_clock_is_minutes_ahead() -> None:
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert 600 <= HeartbeatScheduler.Entry.from_entry(name, app=app, **entry).options["expires"] <= 3600


def test_a_schedule_follows_the_environment(start: Callable[[str], PeriodicTask]) -> None:
    assert start("0 */6 * * *").schedule.hour == {0, 6, 12, 18}
    assert start("30 4 * * *").schedule.hour == {4}


def test_what_was_set_in_the_admin_stays_whatever_the_environment_says(start: Callable[[str], PeriodicTask]) -> None:
    row = start("0 */6 * * *")
    row.crontab = CrontabSchedule.objects.create(minute="*/20", hour="*")
    row.save()
    for cron in ("0 */6 * * *", "30 4 * * *"):
        row = start(cron)
        assert row.crontab.minute == "*/20"
    minutes, _is_new = IntervalSchedule.objects.get_or_create(every=40, period=IntervalSchedule.MINUTES)
    row.crontab, row.interval = None, minutes
    row.save()
    row = start("0 5 * * *")
    assert (row.crontab, row.interval) == (None, minutes)


def test_a_time_that_was_edited_itself_stays(start: Callable[[str], PeriodicTask]) -> None:
    start("0 */6 * * *")
    CrontabSchedule.objects.update(hour="*/2")
    assert start("0 */6 * * *").crontab.hour == "*/2"


def test_what_was_set_in_the_admin_follows_again_once_it_is_the_same(start: Callable[[str], PeriodicTask]) -> None:
    row = start("0 */6 * * *")
    row.crontab = CrontabSchedule.objects.create(minute="30", hour="4")
    row.save()
    start("30 4 * * *")
    assert start("0 5 * * *").crontab.hour == "5"


def test_a_row_of_an_earlier_version_follows_too(start: Callable[[str], PeriodicTask]) -> None:
    start("0 */6 * * *")
    PeriodicTask.objects.update(description="")
    start("0 */6 * * *")
    assert start("0 5 * * *").crontab.hour == "5"


@pytest.mark.django_db(transaction=True)
def test_beat_begins_once_the_database_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    read, tries = (
        DatabaseScheduler.all_as_schedule,
        iter([OperationalError("away"), InterfaceError("away"), read_only()]),
    )

    def read_when_it_is_there(scheduler: DatabaseScheduler) -> Any:
        if error := next(tries, None):
            raise error
        return read(scheduler)

    monkeypatch.setattr(DatabaseScheduler, "all_as_schedule", read_when_it_is_there)
    monkeypatch.setattr(beat, "_ASKS_AGAIN_SECONDS", 0.0)
    HeartbeatScheduler(app=app)
    assert set(settings.CELERY_BEAT_SCHEDULE) <= set(PeriodicTask.objects.values_list("name", flat=True))


class Listener(HeartbeatScheduler):
    """Beat that rings nobody's bell, and knows what it would have rung for."""

    producer = None

    def __init__(self) -> None:
        self.rung: set[str] = set()
        super().__init__(app=app)
        self._finalize.cancel()  # when this process ends there is no database

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.rung.add(entry.name)

    def live(self, clock: time_machine.Traveller, seconds: int) -> None:
        for _ in range(seconds):
            clock.shift(1)
            while self.tick() == 0:
                pass


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_clock_that_is_put_back_keeps_nobody_waiting(*, is_restarted: bool) -> None:
    """A machine began with another zone's time, hours ahead, until it was told the right one."""
    right = datetime(2026, 11, 22, 10, 0, 30, tzinfo=UTC)
    with time_machine.travel(right + timedelta(hours=5), tick=False) as clock:
        scheduler = Listener()
        scheduler.live(clock, 130)
        scheduler.sync()
        clock.move_to(right)
        scheduler = Listener() if is_restarted else scheduler
        scheduler.rung.clear()
        scheduler.live(clock, 130)
    often = {name for name, entry in settings.CELERY_BEAT_SCHEDULE.items() if entry["schedule"] in (15, 60)}
    assert often <= scheduler.rung


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has the clock of its machine")
@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "is_told"), [(0, False), (15, True), (-15, True)])
def test_a_worker_that_drops_messages_by_a_wrong_clock_says_so(
    caplog: pytest.LogCaptureFixture, minutes: int, is_told: bool
) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        task_revoked.send(sender=heartbeat, request=None, terminated=False, signum=None, expired=True)
    assert ("clock_differs_from_the_databases" in caplog.text) == is_told
