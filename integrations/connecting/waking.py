"""Asking a worker for something, without waiting for the broker."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task, current_app
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)


def wake(task: Task[Any, Any] | str, *args: str | int) -> None:
    """Send the task. A broker that is out of reach is no error: a beat task finds what was to be done.

    :param task: or its name, where who rings is called by those who come.
    """
    name = task if isinstance(task, str) else task.name
    try:
        current_app.send_task(name, args=args, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("task_not_sent", task=name, error=type(error).__name__)
