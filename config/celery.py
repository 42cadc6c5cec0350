"""The Celery app."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_revoked, worker_ready
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

import config.redis_broker  # noqa: F401 - mends kombu's transport
from config.clocks import tell_of_wrong_clock
from config.environment import BASE_DIR
from config.garbage import spare_what_started

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

OUR_APPS = ("leads", "analytics", "integrations")


def task_packages() -> list[str]:
    """Every package of ours with a `tasks.py`: tasks stand beside what they ring for, not only at an app's top."""
    files = (file for name in OUR_APPS for file in (BASE_DIR / name).rglob("tasks.py"))
    return sorted(".".join(file.parent.relative_to(BASE_DIR).parts) for file in files)


app = Celery("voronka")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(task_packages)
app.steps["worker"].add(DjangoStructLogInitStep)


@app.task(name="config.heartbeat")
def heartbeat() -> None:
    """Does nothing. Beat's sign of life is a row of the schedule, which somebody may switch on."""


@setup_logging.connect
def _keep_our_logging(**kwargs: Any) -> None:
    """With a receiver here, Celery leaves logging as Django has set it up."""


@worker_ready.connect
def _spare_what_started(**kwargs: Any) -> None:
    spare_what_started()


@worker_ready.connect
def _look_at_the_clock(**kwargs: Any) -> None:
    tell_of_wrong_clock()
    close_old_connections()  # this thread has no task around which that is done


@task_revoked.connect
def _look_at_the_clock_again(expired: bool, **kwargs: Any) -> None:
    """Messages expire while no worker runs, which is as it should be; or by a clock that is ahead."""
    if expired:
        _look_at_the_clock()
