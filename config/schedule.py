"""What beat rings for, and when. Times are UTC."""

from __future__ import annotations

from typing import Any

from config.environment import Environment


def beat_schedule(environment: Environment) -> dict[str, dict[str, Any]]:
    """Celery's `beat_schedule`: a name for people → task, schedule (seconds or a crontab), options.

    A message that waits while no worker runs says nothing new when the next comes, so each expires with its period.
    """
    return {
        "Wake the drains whose bell was not heard": _every(60, "integrations.sweep"),
    }


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}
