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

from integrations.intake.store import Arrival, NotStored, store

BATCH_ROWS = 250
# A statement holds its bodies once more, and PostgreSQL takes no more than 1 GB.
BATCH_BYTES = 20 * 1024 * 1024
# More than this keeps a database busy for a while, which is no silence.
SMALL_BYTES = 1024 * 1024

SILENT = "the database is silent"

Waiting = tuple[Arrival, "asyncio.Future[int | None]"]
Outcome = list[int | None] | Exception


class Gathering:
    """Stores the arrivals of an event loop, from one thread with a database connection of its own.

    By a queue and callbacks: an executor's futures, made and chained for each batch, would cost half of a statement.

    :param patience: after so many seconds without a word about a small batch the database counts as silent, and until
        it has answered nobody waits for longer than that. None for as long as it takes.
    """

    def __init__(self, *, patience: float | None = None) -> None:
        self._patience = patience
        self._watch: asyncio.TimerHandle | None = None
        self._waiting: dict[asyncio.Future[int | None], Arrival] = {}
        self._is_busy = False
        self._jobs: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def store(self, arrival: Arrival) -> int | None:
        """As `store` does with one.

        :raises NotStored: the database is out of reach, refuses or is silent.
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
            # A caller who has hung up will send again. Storing theirs first, once a database that stood still is back,
            # would make those who still wait hang up as well.
            self._waiting.pop(stored, None)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            batch = self._next_batch()
            if self._patience is not None and sum(len(arrival.body) for arrival, _ in batch) <= SMALL_BYTES:
                self._watch = loop.call_later(self._patience, self._give_up, loop, batch)
            self._jobs.put(partial(self._store, batch, loop))

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

    def _give_up(self, loop: asyncio.AbstractEventLoop, batch: list[Waiting]) -> None:
        """The batch may be stored after all. It is there twice then, which is one of the things that deliveries are."""
        for stored in [*(stored for _, stored in batch), *self._waiting]:
            if not stored.done():
                stored.set_exception(NotStored(SILENT))
        self._watch = loop.call_later(self._patience or 0, self._give_up, loop, [])

    def _next(self, batch: list[Waiting], outcome: Outcome, loop: asyncio.AbstractEventLoop) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
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
