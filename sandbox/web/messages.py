"""A request and an answer, as plain data: what the parts of the sandbox hand each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from sandbox.faults import Fault

JSON = "application/json"
HAL = "application/hal+json"
PROBLEM = "application/problem+json"
HTML = "text/html; charset=utf-8"


class BadJsonError(ValueError):
    """A body that should have been JSON and is not."""


@dataclass(frozen=True)
class Request:
    """`target` is path and query as they came; header names are lower-case. `at` is monotonic seconds."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @cached_property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The query's pairs, decoded."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(self.pairs)

    @cached_property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "")

    @cached_property
    def form(self) -> dict[str, str]:
        """The form fields of the body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """The body, decoded; BadJsonError."""
        try:
            return json.loads(self.body or b"null")
        except ValueError as error:
            raise BadJsonError(str(error)) from error


@dataclass
class Response:
    """`fault` is a rule that strikes while the answer is sent; the server knows what to do with it."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    @classmethod
    def of(cls, data: Any, status: int = 200, content_type: str = JSON) -> Response:
        """JSON."""
        return cls(status, json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), content_type)

    @classmethod
    def html(cls, text: str, status: int = 200) -> Response:
        """A page."""
        return cls(status, text.encode(), HTML)

    @classmethod
    def redirect(cls, address: str) -> Response:
        """302."""
        return cls(302, headers={"Location": address})
