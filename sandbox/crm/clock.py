"""The sandbox's own time, so that a test can let a token grow old without waiting."""

from __future__ import annotations

import time


class Clock:
    """Wall time plus an offset that tests move forward."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> int:
        """Unix seconds, whole: amoCRM's times have no fractions."""
        return int(time.time() + self._offset)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once for everything that asks this clock."""
        self._offset += seconds


class Ids:
    """Numbers that grow by kind, unique in the whole sandbox, as amoCRM's are in all its accounts."""

    STARTS = {
        "account": 31_000_001, "user": 10_000_001, "pipeline": 7_000_001, "status": 58_000_001, "lead": 40_000_001,
        "contact": 60_000_001, "tag": 100_001, "field": 700_001, "enum": 900_001, "hook": 1_000_001,
        "loss_reason": 12_000_001, "note": 300_001,
    }  # fmt: skip

    def __init__(self) -> None:
        self.next_of = dict(self.STARTS)

    def take(self, kind: str) -> int:
        """The next number of `kind`. Steps of two, for nobody should count on neighbours."""
        number = self.next_of[kind]
        self.next_of[kind] = number + 2
        return number
