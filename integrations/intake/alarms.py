"""Bells that are to ring later, one for each account.

While amoCRM is out, every delivery rings, every ring finds that it has to wait and asks for a later one. Without
somebody who counts, an hour's outage would leave tens of thousands of messages that all come back every half minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Two rings this close together would find the same.
_SAME_SECONDS = 0.5


class Alarms:
    """Remembers, for this process, when each account's bell is going to ring. A message lost is the sweep's matter."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}

    def set(self, account_id: str, seconds: float, send: Callable[[float], object]) -> None:
        """Call `send(seconds)`, unless a bell of the account is going to ring by then anyway.

        Whatever `send` raises is passed on, and nothing is remembered.
        """
        now = self._clock()
        due = now + seconds
        with self._lock:
            if now < self._due.get(account_id, now) <= due + _SAME_SECONDS:
                return
            self._due[account_id] = due
        try:
            send(seconds)
        except BaseException:
            with self._lock:
                self._due.pop(account_id, None)
            raise
