"""Long work is done in turns, so that others have theirs; and a worker that was told to end leaves its own."""

from __future__ import annotations

import time

from celery.worker import state


def is_turn_over(ends: float) -> bool:
    """The moment `ends` (of the monotonic clock) has passed, or this worker is to end: who works next goes on."""
    return time.monotonic() >= ends or state.should_stop is not None
