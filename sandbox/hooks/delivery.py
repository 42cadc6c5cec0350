"""One hook on its way to one address, and the retry ladder that amoCRM gives it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

MINUTE = 60
LADDER = ((2, 5 * MINUTE, "any"), (3, 15 * MINUTE, "any"), (4, 15 * MINUTE, "server"), (5, 60 * MINUTE, "server"))
"""(attempt, seconds after the one before, what code of the one before it takes)."""


def is_valid(status: int) -> bool:
    """Whether amoCRM takes this answer for delivered. Redirects are not; 0 is no answer."""
    return 100 <= status <= 299


def seconds_to_next(attempt: int, status: int) -> float | None:
    """How long after attempt number `attempt`, answered `status`, the next one comes; None: never."""
    for number, seconds, after in LADDER:
        if number == attempt + 1:
            is_server_error = status == 499 or 500 <= status <= 599
            return seconds if after == "any" or is_server_error else None
    return None


@dataclass(slots=True)
class Attempt:
    at: float
    status: int
    milliseconds: int
    error: str = ""


@dataclass(slots=True)
class Delivery:
    """`state` is waiting, delivered, failed (no more attempts), lost (a fault) or dropped (the hook was disabled)."""

    number: int
    account_id: int
    hook_id: int
    destination: str
    what: str
    body: str
    created_at: float
    retries: bool = True
    state: str = "waiting"
    attempts: list[Attempt] = field(default_factory=list)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def fields(self) -> dict[str, str]:
        """The body, decoded."""
        return dict(parse_qsl(self.body, keep_blank_values=True))

    def as_json(self, *, with_body: bool = True) -> dict[str, Any]:
        """For the board and the control API."""
        shown: dict[str, Any] = {
            "number": self.number, "account_id": self.account_id, "destination": self.destination,
            "what": self.what, "created_at": self.created_at, "state": self.state,
            "attempts": [
                {"at": attempt.at, "status": attempt.status, "ms": attempt.milliseconds, "error": attempt.error}
                for attempt in self.attempts
            ],
        }  # fmt: skip
        if with_body:
            shown["body"] = self.body
            shown["fields"] = self.fields
        return shown
