"""What can go wrong with amoCRM's API, armed by rules: what, on which addresses, how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

BEFORE = ("reset", "hang", "status", "latency", "empty")
AFTER = ("truncate", "drip", "lose_answer")
KINDS = BEFORE + AFTER


@dataclass(slots=True)
class Fault:
    """`times` None: until cleared. `prefix` limits it to paths beginning so, `method` to that method.

    Kinds: `reset` cuts the connection before anything is done; `hang` answers nothing for `seconds`, then cuts;
    `status` answers `status` (its body as HTML if `html`, with `retry_after` if given); `latency` waits `seconds`
    first; `truncate` does the work and sends half of the body; `drip` sends it slowly, over `seconds`;
    `lose_answer` does the work, then cuts the connection without an answer; `empty` answers 200 and no more.
    """

    kind: str
    times: int | None = None
    prefix: str = "/"
    method: str = ""
    status: int = 500
    html: bool = False
    retry_after: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}: one of {', '.join(KINDS)}")

    def as_json(self) -> dict[str, Any]:
        """The rule by name, as `POST /_sandbox/faults` takes it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Faults:
    """The armed rules. The first that fits a request is the one that strikes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    @property
    def rules(self) -> list[Fault]:
        return list(self._rules)

    def arm(self, fault: Fault) -> Fault:
        """Add a rule."""
        with self._lock:
            self._rules.append(fault)
        return fault

    def outage(self, *, times: int | None = None, prefix: str = "/") -> Fault:
        """Every connection is cut. For a port that nobody listens on see `Server.refuse_connections`."""
        return self.arm(Fault("reset", times, prefix))

    def answer(
        self, status: int, *, times: int | None = None, prefix: str = "/", html: bool | None = None,
        retry_after: int = 0,
    ) -> Fault:  # fmt: skip
        """Answer this status; 502 and 504 are HTML unless said otherwise."""
        is_html = status in (502, 503, 504) if html is None else html
        return self.arm(Fault("status", times, prefix, status=status, html=is_html, retry_after=retry_after))

    def latency(self, seconds: float, *, times: int | None = None, prefix: str = "/") -> Fault:
        """Be slow."""
        return self.arm(Fault("latency", times, prefix, seconds=seconds))

    def truncate(self, *, times: int | None = 1, prefix: str = "/") -> Fault:
        """Send half of the body."""
        return self.arm(Fault("truncate", times, prefix))

    def drip(self, seconds: float, *, times: int | None = 1) -> Fault:
        """Send the body over `seconds`."""
        return self.arm(Fault("drip", times, seconds=seconds))

    def lose_answer(self, *, times: int | None = 1, prefix: str = "/", method: str = "") -> Fault:
        """Do what is asked, then cut the connection: the other side cannot know."""
        return self.arm(Fault("lose_answer", times, prefix, method=method))

    def lift(self, fault: Fault) -> None:
        """Take one rule away."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule is not fault]

    def clear(self) -> None:
        """Take all rules away."""
        with self._lock:
            self._rules.clear()

    def striking(self, method: str, path: str) -> Fault | None:
        """The rule that strikes this request, counted."""
        with self._lock:
            for rule in self._rules:
                if not path.startswith(rule.prefix) or (rule.method and rule.method != method):
                    continue
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return rule
        return None
