"""Reading lists of amoCRM for a run: several pages under way at once, so that the rate is what limits it."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.conf import settings
from django.db import connections

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.entities import entities_in
from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.lookups import has_next
from integrations.amocrm.pacing import SPREAD, Priority
from integrations.models import AmoCRMConnection
from leads.clock import shared_now

T = TypeVar("T")
# A page of 250 deals takes amoCRM up to a second; with the rate of seven that is so many at once.
WIDEST = 6
# In how many parts a page is read: 250, 125, 50, 25 rows at a time.
PARTS = (1, 2, 5, 10)


class Page(NamedTuple, Generic[T]):
    """What was read of a page, and whether there is one after it."""

    number: int
    rows: T
    has_next: bool


class Reader:
    """`requests_made` counts what all of its threads have sent. `parts`: in how many requests each page is read, since
    amoCRM breaks off answers that take it too long; they are numbered as if each were one."""

    def __init__(self, connection: AmoCRMConnection, priority: Priority, *, parts: int = 1) -> None:
        self.parts = parts
        self._connection = connection
        self._priority = priority
        self._local = threading.local()
        self._clients: list[AmoCRMClient] = []
        self._seconds = 0.0  # how long the last answers took, smoothed

    @property
    def requests_made(self) -> int:
        return sum(client.requests_made for client in self._clients)

    @property
    def client(self) -> AmoCRMClient:
        """This thread's own: a client is not made to be shared."""
        if not hasattr(self._local, "client"):
            self._local.client = AmoCRMClient(self._connection, priority=self._priority)
            self._clients.append(self._local.client)
        client: AmoCRMClient = self._local.client
        return client

    def page(self, path: str, query: Mapping[str, Any], number: int, parse: Callable[[Any, datetime], T]) -> Page[T]:
        """One page; `parse` is given the answer and when it was asked for."""
        asked_at = shared_now()
        answer = self._answer(path, query, number)
        self._seconds += (self.client.answered_in - self._seconds) / 4
        return Page(number, parse(answer, asked_at), has_next(answer))

    def _answer(self, path: str, query: Mapping[str, Any], number: int) -> Any:
        limit = int(query["limit"])
        if self.parts == 1 or limit < self.parts:
            return self.client.get(path, {**query, "page": number})
        rows: list[Any] = []
        answer: Any = None
        for part in range((number - 1) * self.parts + 1, number * self.parts + 1):
            answer = self.client.get(path, {**query, "limit": limit // self.parts, "page": part})
            rows += entities_in(answer, path)
            if not has_next(answer):
                break
        return {**(answer or {}), "_embedded": {path: rows}}

    def smaller_parts(self) -> int:
        """For a page that has failed more than once: in how many parts to read from now on. As many as before where
        amoCRM does not answer at all."""
        try:
            self.client.account()
        except AmoCRMError:
            return self.parts
        return next((parts for parts in PARTS if parts > self.parts), self.parts)

    def pages(
        self,
        path: str,
        query: Mapping[str, Any],
        parse: Callable[[Any, datetime], T],
        *,
        start: int = 1,
        last: Callable[[], int] | None = None,
    ) -> Generator[Page[T]]:
        """The pages from `start` on, in order, read ahead; so few at a time that memory does not grow.

        What fails is raised when its page would be due.

        :param last: which page seems to be the last one; beyond it nothing is read ahead.
        """
        first = self.page(path, query, start, parse)
        yield first
        if not first.has_next:
            return
        pool = ThreadPoolExecutor(WIDEST, thread_name_prefix="sync")
        under_way: deque[Future[Page[T]]] = deque()
        number, width = start + 1, 0
        try:
            while True:
                width = min(width + 1, self._width())  # a short list is at its end before much is asked in vain
                while len(under_way) < width and not (under_way and last is not None and number > last()):
                    under_way.append(pool.submit(self._in_thread, path, query, number, parse))
                    number += 1
                page = under_way.popleft().result()
                yield page
                if not page.has_next:
                    return
        finally:
            for future in under_way:
                future.cancel()
            pool.shutdown(wait=True)

    def _in_thread(
        self, path: str, query: Mapping[str, Any], number: int, parse: Callable[[Any, datetime], T]
    ) -> Page[T]:
        try:
            return self.page(path, query, number, parse)
        finally:
            connections.close_all()

    def _width(self) -> int:
        """As many at once as answers take in slots, and one: more would be asked in vain beyond the last page."""
        interval = SPREAD / settings.AMOCRM_REQUESTS_PER_SECOND
        return min(WIDEST, 1 + math.ceil(self._seconds / interval))
