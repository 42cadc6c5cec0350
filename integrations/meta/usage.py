"""How much of its patience Meta says is used up: percentages in headers whose values are JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HEADERS = ("x-business-use-case-usage", "x-app-usage", "x-ad-account-usage", "x-fb-ads-insights-throttle")
PERCENTAGES = ("call_count", "total_time", "total_cputime", "acc_id_util_pct", "app_id_util_pct")
# Above this the next requests are worth more to whoever else uses the ad account.
NEARLY_ALL = 90.0


@dataclass(frozen=True, slots=True)
class Usage:
    """`percent`: the fullest of Meta's counters. `regain_seconds`: until requests are taken again, where Meta says."""

    percent: float = 0.0
    regain_seconds: float | None = None

    @property
    def is_nearly_all(self) -> bool:
        return self.percent >= NEARLY_ALL


def usage_of(headers: Mapping[str, str]) -> Usage:
    """:param headers: names in any case, as `requests` has them. What cannot be read counts for nothing."""
    counters = [counter for name in HEADERS for counter in _counters(headers.get(name, ""))]
    percent = max((_number(counter.get(name)) for counter in counters for name in PERCENTAGES), default=0.0)
    # Minutes in the one header, seconds in the other.
    waits = [60 * _number(counter.get("estimated_time_to_regain_access")) for counter in counters]
    waits += [_number(counter.get("reset_time_duration")) for counter in counters]
    return Usage(percent, max(waits, default=0.0) or None)


def _counters(value: str) -> Iterator[dict[str, Any]]:
    """`{…}` is one counter, `{"<id>": [{…}, …]}` are several."""
    try:
        found = json.loads(value or "{}")
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict):
        return
    yield found
    for several in found.values():
        if isinstance(several, list):
            yield from (counter for counter in several if isinstance(counter, dict))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1_000_000 else 0.0
