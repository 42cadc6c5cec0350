"""amoCRM's request rate, the block that follows who does not heed it, and the record of all requests."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .crm.switches import Switches

Bucket = tuple[int, str]
"""(account id, client id): what a rate is counted for."""


@dataclass(slots=True)
class Seen:
    """One request that came in. `at` is monotonic seconds; `status` 0 is a connection that was cut."""

    at: float
    method: str
    path: str
    kind: str
    account_id: int = 0
    client_id: str = ""
    status: int = 0
    milliseconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the control API."""
        return {name: getattr(self, name) for name in self.__slots__}


class Journal:
    """Every request to amoCRM's and Telegram's addresses. `kind` is api, oauth or telegram."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._lock = threading.Lock()

    def add(self, seen: Seen) -> None:
        """Record a request."""
        with self._lock:
            self.requests.append(seen)

    def clear(self) -> None:
        """Forget."""
        with self._lock:
            self.requests.clear()

    def counts(self, kind: str | None = None) -> Counter[tuple[str, str]]:
        """How many requests by (method, path without its query)."""
        return Counter(
            (seen.method, seen.path.partition("?")[0])
            for seen in list(self.requests)
            if kind is None or seen.kind == kind
        )

    def max_in_any_second(self) -> int:
        """The most API and token requests of one account and integration that came within any one second."""
        times: dict[Bucket, list[float]] = {}
        for seen in list(self.requests):
            if seen.kind in ("api", "oauth"):
                times.setdefault((seen.account_id, seen.client_id), []).append(seen.at)
        return max((most_in_a_second(sorted(one)) for one in times.values()), default=0)


def most_in_a_second(times: Iterable[float]) -> int:
    """The most of ascending `times` that lie in a window of one second."""
    window: deque[float] = deque()
    most = 0
    for at in times:
        window.append(at)
        while at - window[0] >= 1.0:
            window.popleft()
        most = max(most, len(window))
    return most


class RateLimit:
    """Says which requests go over the rate, and who is blocked."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.Lock()
        self._granted: dict[Bucket, deque[float]] = {}
        self._granted_account: dict[int, deque[float]] = {}
        self._refused: dict[Bucket, deque[float]] = {}
        self.blocked: set[Bucket] = set()

    def block(self, account_id: int, client_id: str) -> None:
        """403 to every request from now on."""
        self.blocked.add((account_id, client_id))

    def lift(self) -> None:
        """Lift all blocks and forget the excess."""
        with self._lock:
            self.blocked.clear()
            self._refused.clear()

    def is_blocked(self, account_id: int, client_id: str) -> bool:
        """Whether this integration gets nothing but 403."""
        return (account_id, client_id) in self.blocked

    def admits(self, account_id: int, client_id: str, at: float | None = None) -> bool:
        """Whether a request at monotonic time `at` is within the rate; too many refusals end in a block."""
        if not self._switches.rate_limit:
            return True
        now = time.monotonic() if at is None else at
        bucket = (account_id, client_id)
        with self._lock:
            own = self._recent(self._granted.setdefault(bucket, deque()), now, 1.0)
            whole = self._recent(self._granted_account.setdefault(account_id, deque()), now, 1.0)
            over = len(own) >= self._switches.requests_per_second
            if not over and len(whole) < self._switches.account_requests_per_second:
                own.append(now)
                whole.append(now)
                return True
            refused = self._recent(self._refused.setdefault(bucket, deque()), now, 60.0)
            refused.append(now)
            if 0 < self._switches.block_after <= len(refused):
                self.blocked.add(bucket)
            return False

    @staticmethod
    def _recent(times: deque[float], now: float, seconds: float) -> deque[float]:
        while times and now - times[0] >= seconds:
            times.popleft()
        return times
