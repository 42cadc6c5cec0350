"""What can go wrong between us and amoCRM, sorted by who has to act.

A `ConditionError` is the connection's: the backlog waits, and the same request works once the condition has passed. A
`RequestError` is the request's own fault: it fails again however often it is sent. No error ever holds a token.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from integrations.models import Problem


class AmoCRMError(Exception):
    """`detail` is for people; `status` None: nothing was answered; `request_id` is what amoCRM's support asks for."""

    def __init__(
        self, detail: str, *, method: str = "", path: str = "", status: int | None = None, request_id: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.method = method
        self.path = path
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        request = " ".join(part for part in (self.method, self.path, str(self.status or "")) if part)
        told = f"{request}: {self.detail}" if request else self.detail
        return f"{told} (request id {self.request_id})" if self.request_id else told


class RequestError(AmoCRMError):
    """amoCRM refuses this one request: 400, 404, 405, 422, or a 403 for want of rights."""


class ConditionError(AmoCRMError):
    """The connection's trouble. `retry_after`: seconds until it is worth another try, where that is known."""

    problem: ClassVar[Problem]

    def __init__(self, detail: str, *, retry_after: float | None = None, **about: Any) -> None:
        super().__init__(detail, **about)
        self.retry_after = retry_after


class Outage(ConditionError):
    """No answer, half an answer, no JSON where JSON belongs, or a 5xx."""

    problem = Problem.OUTAGE


class RateLimited(ConditionError):
    """429, after the whole bucket was backed off."""

    problem = Problem.RATE_LIMITED


class Blocked(ConditionError):
    """403 to any request, `GET /account` too."""

    problem = Problem.BLOCKED


class Unpaid(ConditionError):
    """402."""

    problem = Problem.UNPAID


class ReconnectNeeded(ConditionError):
    """The token is dead and cannot be renewed. `token_version`: the `token_refreshed_at` of the pair that died."""

    problem = Problem.RECONNECT_NEEDED
    token_version: datetime | None = None
