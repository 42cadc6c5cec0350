"""What a longer input costs beside a shorter one, so that no test depends on how fast the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_of(call: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of CPU, the least of a few rounds: what others take from the machine only adds."""
    return min(_once(call) for _round in range(rounds))


def _once(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began
