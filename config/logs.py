"""Logs: one `key=value` line per event on stderr, without queries, bodies, secrets or people's phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware
from structlog.typing import Processor

from config.guard import client_address

HIDDEN = "[hidden]"

# Secrets that are not known beforehand, by where they stand: a hook's signature, an OAuth code, a bearer's token, and
# the path of a Telegram call (which urllib3 puts into its warnings).
_SECRET_PLACES = re.compile(
    r"((?:(?:^|[?&])(?:sig|signature|code|state|token)=|(?:access|refresh)_token\W{1,4}|(?:Bearer|Token)\s+|/bot))"
    r"([A-Za-z0-9._:~+/%-]{6,})",
)
# Ten to fifteen digits as people part them, also percent-encoded: a phone, or an id that nobody will miss. Not a
# moment, an account's UUID, a fraction, the port of an address ("Listening at: http://0.0.0.0:8000 (12345)").
_PHONE = re.compile(
    r"(?:(?<![\w.+-])(?<!\.\d:)(?<!\.\d\d:)(?<!\.\d\d\d:)|(?<=%2B)|(?<=%20))"
    r"\+?\d(?:(?:[\s()\u2011-]|%2[0-9A-Fa-f]){0,3}\d){9,14}(?![\w]|[.-]\d)"
)
PHONE = "[phone]"
# Control characters and line separators, but for the newline, which the renderer writes as \n.
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class PathOnlyRequestMiddleware(RequestMiddleware):
    """Logs each request by method and path: a hook's query carries its signature, a callback's an OAuth code."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """The address that sign-ins are counted by; the library's own would be whatever a visitor's headers say."""
        structlog.contextvars.bind_contextvars(ip=client_address(request))


class Scrubber:
    """A structlog processor that takes secrets and phones out of every text of an event, also out of tracebacks."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(secret) for secret in known)) if known else None

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.update(self.cleaned(dict(event)))
        return event

    def cleaned(self, value: Any) -> Any:
        """The same with every text in it clean, however deep in lists and dictionaries; their keys stay."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {key: self.cleaned(part) for key, part in value.items()}
        return [self.cleaned(part) for part in value] if isinstance(value, list) else value

    def clean(self, text: str) -> str:
        if self._known:
            text = self._known.sub(HIDDEN, text)
        return _PHONE.sub(PHONE, _SECRET_PLACES.sub(rf"\1{HIDDEN}", text))


def processors() -> list[Processor]:
    """What every event goes through first, whether our code or a library's logged it."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]


def configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(secrets: Iterable[str]) -> dict[str, Any]:
    """Django's LOGGING. `secrets` are the values that must never be printed."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": processors(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _plain_values,
                    Scrubber(secrets),
                    structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"]),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # What Django puts on its own handlers goes through ours instead.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Said already, once, by the line that each request gets.
            "django.request": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # Two lines for every task that every doorbell rings.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            "django_structlog.celery": {"level": "WARNING"},
        },
    }


def _plain_values(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every value as text, so that the scrubber sees it; keys without the spaces that a line cannot hold."""
    return {
        key.replace(" ", "_"): value if isinstance(value, (int, float)) or value is None else _visible(str(value))
        for key, value in event.items()
    }


def _visible(text: str) -> str:
    """What moves a cursor or ends a line for some reader is shown instead: anybody may put it into a path."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
