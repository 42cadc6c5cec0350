"""Group commit: what arrives while a batch is being committed makes up the next one.

A commit waits for the disk however little is in it, so many deliveries share one. Each is answered once its own batch
is committed, and a lone one waits for nobody.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from integrations.intake.store import Arrival, store

BATCH_ROWS = 250
# A statement holds its bodies twice as text, and PostgreSQL takes no more than 1 GB.
BATCH_BYTES = 20 * 1024 * 1024

Waiting = tuple[Arrival, "asyncio.Future[int | None]"]


class Gathering:
    """Stores the arrivals of one event loop, from one thread with a database connection of its own."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._work: asyncio.Task[None] | None = None

    async def store(self, arrival: Arrival) -> int | None:
        """As `store` does with one.

        :raises NotStored: the database is out of reach or refuses.
        """
        stored: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, stored))
        if self._work is None:
            self._work = asyncio.create_task(self._store_all())
        return await stored

    async def _store_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            arrivals = [arrival for arrival, _ in batch]
            try:
                ids = await asyncio.get_running_loop().run_in_executor(self._thread, store, arrivals)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told, and the next are served
                _tell(batch, error)
            else:
                _tell(batch, ids)
        self._work = None

    def _next_batch(self) -> list[Waiting]:
        size = rows = 0
        for arrival, _ in self._waiting[:BATCH_ROWS]:
            size += len(arrival.body)
            if rows and size > BATCH_BYTES:
                break
            rows += 1
        batch, self._waiting = self._waiting[:rows], self._waiting[rows:]
        return batch


def _tell(batch: list[Waiting], outcome: Exception | list[int | None]) -> None:
    for at, (_, stored) in enumerate(batch):
        if stored.done():  # whoever sent it has hung up
            continue
        if isinstance(outcome, Exception):
            stored.set_exception(outcome)
        else:
            stored.set_result(outcome[at])
