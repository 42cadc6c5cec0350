"""The doorbell: waking a worker for an account's backlog, without the caller ever waiting for the broker.

A ring is a hint. It may be lost with the broker or the process; the sweep finds what it would have announced (law 1).
So a ring only marks the account, and a thread of this process passes the marks on, many rings as one.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import defaultdict

import structlog
from celery import current_app

logger = structlog.get_logger(__name__)

# Called by name: who rings need not know the drain.
DRAIN = "integrations.drain_account"
# Rings of one account within this time reach the broker as one message; after a first one, within the longer time: its
# drain is on its way, and takes along what comes.
GATHER_SECONDS = 0.05
AGAIN_SECONDS = 0.5


class Doorbell:
    """Collects accounts to wake and publishes them from a daemon thread."""

    def __init__(self) -> None:
        self._marked: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
        self._wake = threading.Condition()
        self._owner_pid: int | None = None

    def ring(self, account_id: uuid.UUID, delivery_id: int | None = None) -> None:
        """Wake a worker for the account; for the sake of this delivery, if there is a new one."""
        with self._wake:
            self._marked[account_id] += [delivery_id] if delivery_id is not None else []
            if self._owner_pid != os.getpid():  # the first ring in this process, or after a fork
                self._owner_pid = os.getpid()
                threading.Thread(target=self._run, name="doorbell", daemon=True).start()
            self._wake.notify()

    def _run(self) -> None:
        rung: dict[uuid.UUID, float] = {}  # when, of the accounts that may not be rung for again yet
        while True:
            with self._wake:
                while not self._marked:
                    self._wake.wait()
                now = time.monotonic()
                rung = {account_id: at for account_id, at in rung.items() if now - at < AGAIN_SECONDS}
                due = {account_id: self._marked.pop(account_id) for account_id in self._marked.keys() - rung.keys()}
            for account_id, delivery_ids in due.items():
                if delivery_ids:
                    # Here and not in the view: a line per delivery would cost more than taking it in.
                    logger.info("deliveries_stored", account=str(account_id), deliveries=delivery_ids)
                _publish(account_id)
                rung[account_id] = time.monotonic()  # and not `now`: a broker may have taken its time
            time.sleep(GATHER_SECONDS)


def _publish(account_id: uuid.UUID) -> None:
    try:
        current_app.send_task(DRAIN, args=(str(account_id),), retry=False)
    except Exception as error:  # noqa: BLE001 - whatever a broker raises, the bell must not fall silent for good
        logger.warning("doorbell_unheard", account=str(account_id), error=type(error).__name__)


_doorbell = Doorbell()
ring = _doorbell.ring
