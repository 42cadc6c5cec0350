"""Beat that leaves a sign of life in the database, where every machine's /readyz sees it, and heeds what people set."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from config.clocks import tell_of_wrong_clock
from leads.clock import shared_now
from leads.turns import is_out_of_reach

logger = logging.getLogger(__name__)

HEARTBEAT = "voronka heartbeat"
SILENT_AFTER = timedelta(minutes=3)
BEAT_EVERY_SECONDS = 20.0
_ASKS_AGAIN_SECONDS = 1.0


def beat() -> None:
    """Writes "beat lives" into its row of the schedule. The row is switched off: nobody is ever called by it."""
    # update(), not save(): a save would make the scheduler read its whole schedule again.
    # By the database's clock: it is read on other machines, whose own may be minutes ahead.
    row = PeriodicTask.objects.filter(name=HEARTBEAT)
    if row.update(last_run_at=Now()):
        return
    minute, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.get_or_create(
        name=HEARTBEAT,
        defaults={
            "task": "config.heartbeat",
            "interval": minute,
            "enabled": False,
            "description": "No task: beat writes here that it lives, and /readyz reads it. Leave it switched off.",
        },
    )
    row.update(last_run_at=Now())  # creating a row that is switched off leaves it empty


def silent_for() -> timedelta | None:
    """Since beat was last alive; None: it never was."""
    row = PeriodicTask.objects.filter(name=HEARTBEAT).first()
    return shared_now() - row.last_run_at if row and row.last_run_at else None


class HeededEntry(ModelEntry):
    """A row that follows `config/schedule.py`, and with it the environment, until somebody sets another time in the
    admin. Theirs would undo that at each start."""

    last_run_at: datetime

    @classmethod
    def from_entry(cls, name: str, app: Any = None, **entry: Any) -> HeededEntry:
        """The row of this name, made or brought up to date."""
        fields = cls._unpack_fields(**entry)
        times = {field: fields.pop(field) for _kind, _model, field in cls.model_schedules}
        (planned,) = filter(None, times.values())
        row = PeriodicTask.objects.filter(name=name).first()
        if row is None or _time_of(row.scheduler) in (row.description.removeprefix(_FOLLOWS), _time_of(planned)):
            fields |= {**times, "description": f"{_FOLLOWS}{_time_of(planned)}"}
        row, _is_new = PeriodicTask.objects.update_or_create(name=name, defaults=fields)
        return cls(row, app=app)

    def is_due(self) -> Any:
        """Whether it is due, and seconds until it is to be asked again."""
        # Set by a clock that was ahead: nothing would be due until that moment has come.
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


_FOLLOWS = "The program and its environment set this time, until another is set here: "


def _time_of(schedule: CrontabSchedule | IntervalSchedule | SolarSchedule | ClockedSchedule) -> str:
    """A row of a schedule in words that no language and no edit of that row changes."""
    if isinstance(schedule, CrontabSchedule):
        days = (schedule.day_of_month, schedule.month_of_year, schedule.day_of_week)
        return " ".join((schedule.minute, schedule.hour, *days, str(schedule.timezone)))
    return f"{schedule.every} {schedule.period}" if isinstance(schedule, IntervalSchedule) else repr(schedule)


class HeartbeatScheduler(DatabaseScheduler):
    """django-celery-beat's scheduler, which also says that it lives."""

    Entry = HeededEntry
    _next_beat = 0.0
    _last_tick: datetime | None = None
    _is_setting_up = False

    def setup_schedule(self) -> None:
        """Once the database is there: it may be away just while beat starts, and a Procfile's runner ends with beat."""
        if HeartbeatScheduler._is_setting_up:
            raise SystemExit  # Celery, told to end, asks for the scheduler once more
        HeartbeatScheduler._is_setting_up = True
        while not self._is_set_up():
            sleep(_ASKS_AGAIN_SECONDS)
        HeartbeatScheduler._is_setting_up = False
        tell_of_wrong_clock()

    def _is_set_up(self) -> bool:
        try:
            super().setup_schedule()
        except (DatabaseError, InterfaceError) as error:
            if not is_out_of_reach(error):
                raise
            logger.warning("beat waits for the database: %s", error)
            close_old_connections()
            self._initial_read = True  # set before it was tried
            return False
        return True

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if monotonic() >= self._next_beat:
            self._next_beat = monotonic() + BEAT_EVERY_SECONDS
            try:
                beat()
            except (DatabaseError, InterfaceError):
                # The database comes back; beat must then still be here.
                logger.exception("beat could not say that it lives")
                close_old_connections()
        now = timezone.now()
        if self._last_tick and now < self._last_tick:
            self._heap = None  # the clock was put back: all in it is planned by the former one, and made anew
        self._last_tick = now
        return float(super().tick(*args, **kwargs))
