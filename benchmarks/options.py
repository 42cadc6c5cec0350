"""How long to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of load per measurement, `rounds` of each (the median counts), `events` to be drained, `rows` of a big
    table."""

    seconds: float = 3.0
    rounds: int = 3
    events: int = 5000
    rows: int = 1_000_000
