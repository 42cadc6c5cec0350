"""A stand-in for Telegram's bot API: it keeps what is sent, and refuses on demand."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    at: float
    token: str
    chat_id: str
    text: str
    parse_mode: str = ""

    def as_json(self) -> dict[str, Any]:
        """Without the token, which is a secret even here."""
        return {
            "id": self.id, "at": self.at, "chat_id": self.chat_id, "text": self.text, "parse_mode": self.parse_mode
        }  # fmt: skip


@dataclass
class Telegram:
    """`messages` is what arrived, in order. `fail` arms a refusal."""

    messages: list[Message] = field(default_factory=list)
    attempts: int = 0
    _refusals: list[tuple[int, int]] = field(default_factory=list)
    _refuse_always: tuple[int, int] | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    DESCRIPTIONS = {
        400: "Bad Request: chat not found",
        401: "Unauthorized",
        403: "Forbidden: bot was blocked by the user",
        429: "Too Many Requests: retry after {}",
        500: "Internal Server Error",
    }

    def fail(self, status: int, *, times: int | None = 1, retry_after: int = 1) -> None:
        """Refuse the next `times` messages (None: all, until `clear_faults`) with 400, 401, 403, 429 or 500."""
        with self._lock:
            if times is None:
                self._refuse_always = (status, retry_after)
            else:
                self._refusals += [(status, retry_after)] * times

    def clear_faults(self) -> None:
        """Take every message again."""
        with self._lock:
            self._refusals, self._refuse_always = [], None

    def send_message(self, token: str, fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status and body that `sendMessage` answers."""
        with self._lock:
            self.attempts += 1
            refusal = self._refusals.pop(0) if self._refusals else self._refuse_always
            if refusal is not None:
                return self._refused(*refusal)
            chat_id, text = str(fields.get("chat_id", "")), str(fields.get("text", ""))
            if not chat_id:
                return 400, {"ok": False, "error_code": 400, "description": "Bad Request: chat_id is empty"}
            if not text:
                return 400, {"ok": False, "error_code": 400, "description": "Bad Request: message text is empty"}
            mode = str(fields.get("parse_mode") or "")
            message = Message(next(self._numbers), time.time(), token, chat_id, text, mode)
            self.messages.append(message)
        result = {"message_id": message.id, "date": int(message.at), "chat": {"id": chat_id}, "text": text}
        return 200, {"ok": True, "result": result}

    def _refused(self, status: int, retry_after: int) -> tuple[int, dict[str, Any]]:
        description = self.DESCRIPTIONS.get(status, "Error").format(retry_after)
        body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
        if status == 429:
            body["parameters"] = {"retry_after": retry_after}
        return status, body
