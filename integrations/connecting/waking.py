"""Asking a worker for something, without waiting for the broker."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)


def wake(task: Task[Any, Any], *args: str | int) -> None:
    """Send the task. A broker that is out of reach is no error: a beat task finds what was to be done."""
    try:
        task.apply_async(args=args, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("task_not_sent", task=task.name, error=type(error).__name__)
