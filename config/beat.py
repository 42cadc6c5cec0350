"""Beat that leaves a sign of life in the database, where every machine's /readyz sees it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

logger = logging.getLogger(__name__)

HEARTBEAT = "voronka heartbeat"
SILENT_AFTER = timedelta(minutes=3)
BEAT_EVERY_SECONDS = 20.0


def beat() -> None:
    """Writes "beat lives" into its row of the schedule. The row is switched off: nobody is ever called by it."""
    now = timezone.now()
    # update(), not save(): a save would make the scheduler read its whole schedule again.
    row = PeriodicTask.objects.filter(name=HEARTBEAT)
    if row.update(last_run_at=now):
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
    row.update(last_run_at=now)  # creating a row that is switched off leaves it empty


def last_beat() -> datetime | None:
    """When beat was last alive; None: never."""
    row = PeriodicTask.objects.filter(name=HEARTBEAT).first()
    return row.last_run_at if row else None


class HeartbeatScheduler(DatabaseScheduler):
    """django-celery-beat's scheduler, which also says that it lives."""

    _next_beat = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if monotonic() >= self._next_beat:
            self._next_beat = monotonic() + BEAT_EVERY_SECONDS
            try:
                beat()
            except (DatabaseError, InterfaceError):
                # The database comes back; beat must then still be here.
                logger.exception("beat could not say that it lives")
                close_old_connections()
        return float(super().tick(*args, **kwargs))
