"""A time limit for requests that only read: a search through millions of rows would keep its thread busy for minutes,
and a web process has few threads for all pages.

PostgreSQL's own `statement_timeout` belongs to a connection, and behind a pooler the same connection serves a drain or
a migration a moment later. So a thread of the web process watches the clock and cancels the statement. Writing is never
cut short: it happens in a transaction, or in a request by another method.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse
from psycopg.pq import TransactionStatus
from rest_framework.permissions import SAFE_METHODS

from config.databases import CONNECT_SECONDS

# Longer than any page was seen to take at a million rows, and shorter than a proxy waits.
SECONDS = 25.0
TICK = 0.5


class PatienceMiddleware:
    """Bounds what a request that only reads may ask of the database: see `config.errors` for what it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in SAFE_METHODS:
            return self.get_response(request)
        with _watch.reading(SECONDS):
            return self.get_response(request)


@dataclass(eq=False, slots=True)
class _Reader:
    """A request that may read over `connection` (Django's) until `ends`, by the monotonic clock.

    While `lock` is held and `is_done` is false, nobody else uses the connection.
    """

    connection: Any
    ends: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_done: bool = False

    def cancel(self) -> None:
        """End the statement under way; without one nothing happens."""
        with self.lock:
            driver = None if self.is_done or self.connection.in_atomic_block else self.connection.connection
            if driver is None:
                return
            if self.connection.vendor != "postgresql":
                driver.interrupt()
            elif driver.info.transaction_status is TransactionStatus.ACTIVE:
                driver.cancel_safe(timeout=CONNECT_SECONDS)


class Watch:
    """The reading requests of a process, and the thread that watches them; the first request starts it."""

    def __init__(self) -> None:
        self._readers: set[_Reader] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def reading(self, seconds: float) -> Iterator[None]:
        """After so many seconds, fail this thread's queries outside of transactions."""
        # The thread's own: `django.db.connection` would be that of whichever thread looks at it.
        reader = _Reader(connections[DEFAULT_DB_ALIAS], time.monotonic() + seconds)
        with self._lock:
            self._readers.add(reader)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="patience", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._readers.discard(reader)
            with reader.lock:  # a cancellation on its way must not meet whoever has the connection next
                reader.is_done = True

    def _look(self) -> None:
        while True:
            time.sleep(TICK)
            with self._lock:
                readers = list(self._readers)
            now = time.monotonic()
            for reader in readers:
                if reader.ends <= now:
                    self._cancel(reader)

    def _cancel(self, reader: _Reader) -> None:
        try:
            reader.cancel()
        except Exception:  # noqa: BLE001 - a connection that has just died needs no cancelling, and others are waiting
            return


_watch = Watch()
