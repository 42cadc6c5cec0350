"""What can go wrong between us and Meta, sorted by who has to act. No error ever holds a token."""

from __future__ import annotations

from typing import Any, ClassVar

from integrations.meta.usage import Usage
from integrations.models import MetaProblem
from leads.told import told

# Meta's words about its own codes: developers.facebook.com/docs/graph-api/guides/error-handling and
# …/docs/graph-api/overview/rate-limiting. 800xx are limits of a business use case, 80000 that of insights.
RATE_CODES = {4, 17, 32, 341, 613, *range(80000, 80015)}
TOKEN_CODES = {102, 190, 463, 467}
OUTAGE_CODES = {1, 2}
FORBIDDEN_CODES = {3, 10, *range(200, 300)}
OLD_VERSION = 2635
# With code 100: the object is not there, or not to be seen with this token.
UNSEEN_SUBCODE = 33
TOO_MUCH_SUBCODES = {99, 1487534, 1504018, 1504033}
TOO_MUCH_WORDS = "reduce the amount of data"


class MetaError(Exception):
    """`detail` is for people. `is_temporary`: it passes by itself."""

    problem: ClassVar[MetaProblem]
    is_temporary: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Outage(MetaError):
    """No answer, or one that says that Meta itself is in trouble."""

    problem = MetaProblem.OUTAGE
    is_temporary = True


class TooMuch(Outage):
    """Meta cannot compute so much at once: worth another try with fewer days or rows."""


class RateLimited(MetaError):
    """`retry_after`: seconds, where Meta says."""

    problem = MetaProblem.RATE_LIMITED
    is_temporary = True

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TokenDead(MetaError):
    problem = MetaProblem.TOKEN


class Forbidden(MetaError):
    problem = MetaProblem.FORBIDDEN


class Refused(MetaError):
    problem = MetaProblem.REFUSED


def error_of(status: int, body: Any, usage: Usage) -> MetaError:
    """What an answer other than 200 means; Meta sends most of its errors as 400, and the code is what counts."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return _without_words(status, usage)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    said = _words(error, status)
    if code in RATE_CODES:
        return RateLimited(said, usage.regain_seconds)
    if code in TOKEN_CODES:
        return TokenDead(said)
    if code in {*OUTAGE_CODES, 100} and (subcode in TOO_MUCH_SUBCODES or TOO_MUCH_WORDS in said.lower()):
        return TooMuch(said)
    if code in FORBIDDEN_CODES or (code == 100 and subcode == UNSEEN_SUBCODE):
        return Forbidden(said)
    if code == OLD_VERSION:
        return Refused(told("Meta no longer offers this version of its API: raise the one in META_API_URL."))
    if code in OUTAGE_CODES or error.get("is_transient") is True or status >= 500:
        return Outage(said)
    return Refused(said)


def _without_words(status: int, usage: Usage) -> MetaError:
    said = told("Meta answered without saying why (HTTP %(status)s).") % {"status": status}
    if status == 429:
        return RateLimited(said, usage.regain_seconds)
    return Refused(said) if 400 <= status < 500 else Outage(said)


def _words(error: dict[str, Any], status: int) -> str:
    """Meta's own, for people where it has some, and what its support asks for."""
    said = str(error.get("error_user_msg") or error.get("message") or f"HTTP {status}")[:500]
    trace = str(error.get("fbtrace_id") or "")[:60]
    code = "/".join(str(part) for part in (error.get("code"), error.get("error_subcode")) if part is not None)
    marks = ", ".join(mark for mark in (code[:40], trace) if mark)
    return f"{said} ({marks})" if marks else said


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
