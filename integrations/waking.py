"""Waking workers, now or later. A message that is lost costs a minute: beat's sweeps find what it was for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import Task, current_app
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)

# Two rings this close together would find the same.
_SAME_SECONDS = 0.5


def wake(task: Task[Any, Any] | str, *args: str | int) -> None:
    """Send the task now. A broker that is out of reach is no error.

    :param task: the task, or its name where importing the task would be circular.
    """
    name = task if isinstance(task, str) else task.name
    try:
        current_app.send_task(name, args=args, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("task_not_sent", task=name, error=type(error).__name__)


class Alarms:
    """When each bell of this process is going to ring.

    While amoCRM is out, every delivery rings, every ring finds that it has to wait and asks for a later one. Were they
    not counted, an hour's outage would leave tens of thousands of messages that all come back every half minute.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}

    def set(self, bell: str, seconds: float, send: Callable[[float], object]) -> None:
        """Call `send(seconds)`, unless this bell is going to ring by then anyway.

        Whatever `send` raises is passed on, and nothing is remembered.
        """
        now = self._clock()
        due = now + seconds
        with self._lock:
            if now < self._due.get(bell, now) <= due + _SAME_SECONDS:
                return
            self._due[bell] = due
        try:
            send(seconds)
        except BaseException:
            with self._lock:
                self._due.pop(bell, None)
            raise


_alarms = Alarms()


def ring_for(task: Task[Any, Any], argument: str | int) -> Callable[[float], None]:
    """A function that has the task run with this argument after so many seconds: once, however often it is asked."""

    def send(seconds: float) -> None:
        task.apply_async(args=(argument,), countdown=seconds, retry=False)

    return lambda seconds: _alarms.set(f"{task.name} {argument}", seconds, send)
