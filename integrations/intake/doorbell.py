"""The doorbell: waking a worker for an account's backlog, without the caller ever waiting for the broker.

A ring is a hint. It may be lost with the broker or the process; the sweep finds what it would have announced (law 1).
So a ring only marks the account, and a thread of this process passes the marks on, many rings as one.
"""

from __future__ import annotations

import os
import threading
import time
import uuid

import structlog
from celery import current_app

logger = structlog.get_logger(__name__)

# Called by name: who rings need not know the drain.
DRAIN = "integrations.drain_account"
# Rings of one account within this time reach the broker as one message.
GATHER_SECONDS = 0.05


class Doorbell:
    """Collects accounts to wake and publishes them from a daemon thread."""

    def __init__(self) -> None:
        self._marked: set[uuid.UUID] = set()
        self._wake = threading.Condition()
        self._owner_pid: int | None = None

    def ring(self, account_id: uuid.UUID) -> None:
        with self._wake:
            self._marked.add(account_id)
            if self._owner_pid != os.getpid():  # the first ring in this process, or after a fork
                self._owner_pid = os.getpid()
                threading.Thread(target=self._run, name="doorbell", daemon=True).start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._marked:
                    self._wake.wait()
                marked, self._marked = self._marked, set()
            for account_id in marked:
                _publish(account_id)
            time.sleep(GATHER_SECONDS)


def _publish(account_id: uuid.UUID) -> None:
    try:
        current_app.send_task(DRAIN, args=(str(account_id),), retry=False)
    except Exception as error:  # noqa: BLE001 - whatever a broker raises, the bell must not fall silent for good
        logger.warning("doorbell_unheard", account=str(account_id), error=type(error).__name__)


_doorbell = Doorbell()
ring = _doorbell.ring
