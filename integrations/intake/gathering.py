"""Group commit: what arrives while a batch is being committed makes up the next one.

A commit waits for the disk however little is in it, so many deliveries share one. Each is answered once its own batch
is committed, and a lone one waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from itertools import islice
from queue import SimpleQueue

from integrations.intake.store import Arrival, store

BATCH_ROWS = 250
# A statement holds its bodies once more, and PostgreSQL takes no more than 1 GB.
BATCH_BYTES = 20 * 1024 * 1024

Waiting = tuple[Arrival, "asyncio.Future[int | None]"]
Outcome = list[int | None] | Exception


class Gathering:
    """Stores the arrivals of an event loop, from one thread with a database connection of its own.

    By a queue and callbacks: an executor's futures, made and chained for each batch, would cost half of a statement.
    """

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[int | None], Arrival] = {}
        self._is_busy = False
        self._jobs: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def store(self, arrival: Arrival) -> int | None:
        """As `store` does with one.

        :raises NotStored: the database is out of reach or refuses.
        """
        if self._thread is None:  # not before: gunicorn forks
            self._thread = threading.Thread(target=self._work, name="intake", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[int | None] = loop.create_future()
        self._waiting[stored] = arrival
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._hand_over, loop)  # together with what else is here at this moment
        try:
            return await stored
        finally:
            # Who has hung up sends again. Were theirs stored first after the database stood still, those who still wait
            # would hang up as well.
            self._waiting.pop(stored, None)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            self._jobs.put(partial(self._store, self._next_batch(), loop))

    def _next_batch(self) -> list[Waiting]:
        size = 0
        batch: list[Waiting] = []
        for stored, arrival in islice(self._waiting.items(), BATCH_ROWS):
            size += len(arrival.body)
            if batch and size > BATCH_BYTES:
                break
            batch.append((arrival, stored))
        for _, stored in batch:
            del self._waiting[stored]
        return batch

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _store(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        outcome: Outcome
        try:
            outcome = store([arrival for arrival, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told, and the next are served
            outcome = error
        loop.call_soon_threadsafe(self._next, batch, outcome, loop)

    def _next(self, batch: list[Waiting], outcome: Outcome, loop: asyncio.AbstractEventLoop) -> None:
        self._hand_over(loop)
        _tell(batch, outcome)


def _tell(batch: list[Waiting], outcome: Outcome) -> None:
    for at, (_, stored) in enumerate(batch):
        if stored.done():  # whoever sent it has hung up
            continue
        if isinstance(outcome, Exception):
            stored.set_exception(outcome)
        else:
            stored.set_result(outcome[at])
