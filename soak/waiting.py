"""Waiting for a condition, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable


class NeverCame(Exception):
    """What was waited for did not come to pass in time."""


def wait_for(what: str, condition: Callable[[], object], *, seconds: float) -> None:
    """Ask again and again until `condition()` is true.

    :raises NeverCame: not within `seconds`.
    """
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise NeverCame(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)
