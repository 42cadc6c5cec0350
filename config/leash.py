"""Honcho's process manager, with two things more: no child outlives it, however it ends, and each has time to end.

Honcho ends its children on SIGINT and SIGTERM. After a `kill -9` of the run they would stay and hold the port, and the
next run could not start; so the kernel is asked to end each child with its parent.

Five seconds after the first has ended it kills the others. On a busy machine a worker needs more to finish what it has
in hand; killed, it leaves leases behind that hold the next run's deliveries up for a minute.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from functools import partial
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

PR_SET_PDEATHSIG = 1
# Seconds. What hangs longer than a request may is not going to end.
GRACE = 30.0


def die_with_parent(signal_number: int) -> None:
    """Linux only; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)


class LeashedProcess(Process):
    """Honcho runs this in a process of its own, which starts the command: both are on the leash."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The command gets a SIGTERM, to end its own children in turn.
        self._child_ctor = partial(Popen, preexec_fn=partial(die_with_parent, signal.SIGTERM))

    def run(self, *args: Any, **kwargs: Any) -> None:
        die_with_parent(signal.SIGKILL)
        super().run(*args, **kwargs)


class LeashedManager(Manager):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._process_ctor = LeashedProcess
        self._ends_when_started = False
        self._told_at = 0.0

    def terminate(self) -> None:
        """Ends all. A signal may come while they are just starting and their ids are not known yet: then it waits."""
        if super()._all_started():
            self._terminate()
        else:
            self._ends_when_started = True

    def _all_started(self) -> bool:
        # The manager's loop asks this all the time.
        started = bool(super()._all_started())
        if started and self._ends_when_started:
            self._ends_when_started = False
            self._terminate()
        return started

    def _terminate(self) -> None:
        self._told_at = self._told_at or time.monotonic()
        super().terminate()

    def kill(self) -> None:
        # The manager's loop asks for this all the time, too.
        if time.monotonic() > self._told_at + GRACE:
            super().kill()
