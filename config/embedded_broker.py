"""The broker that needs no server: a folder (`var/broker/`) of one file per message. `CELERY_BROKER_URL=embedded://`.

Kombu's filesystem transport is the base. It writes messages in place, so that a reader meets half of one, and forgets
what a killed worker held. Here a message appears by *rename*, complete; a worker takes it by renaming it into its own
folder of claims and unlinks it when the task is done. A claims folder belongs to whoever holds the lock on its lock
file; the kernel drops a dead process's locks, and the next worker puts what it held back.
"""

from __future__ import annotations

import fcntl
import glob
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import IO, Any

from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0

TRANSPORT_ALIASES["embedded"] = "config.embedded_broker:Transport"


def transport_options(folder: Path) -> dict[str, str]:
    """Celery's `broker_transport_options` for a broker that lives in `folder`."""
    return {"folder": str(folder)}


def write_whole(path: Path, content: str) -> None:
    """The file appears under its name with all of `content`, or not at all. A folder that was removed is made anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with aside.open("w") as file:
            # No fsync: a message that a power cut takes is a bell not rung, and the sweep of the table finds the rest.
            file.write(content)
        aside.rename(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


class Claims:
    """The messages that one channel has taken and not yet done with, in a folder that its lock says is owned."""

    def __init__(self, root: Path) -> None:
        self.folder = root / uuid.uuid4().hex
        self.folder.mkdir(parents=True)
        self._by_tag: dict[str, Path] = {}
        # Locked before it gets the name that sweeps look for: no moment in which a living owner looks dead.
        aside = root / f".{self.folder.name}"
        self._lock: IO[str] = aside.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        aside.rename(root / f"{self.folder.name}.lock")

    @property
    def is_gone(self) -> bool:
        """Somebody removed the folder."""
        return not self.folder.is_dir()

    def take(self, message: Path) -> Path | None:
        """The message's new place; None when another was faster."""
        try:
            return message.rename(self.folder / message.name)
        except FileNotFoundError:
            return None

    def hold(self, tag: str, path: Path) -> None:
        self._by_tag[tag] = path

    def pop(self, tag: str) -> Path | None:
        return self._by_tag.pop(tag, None)

    def close(self, messages: Path) -> None:
        """Gives back what is still held. What cannot be given back now the next sweep puts back: the lock is let go."""
        with self._lock, suppress(OSError):
            _give_back(self.folder, messages)
            Path(f"{self.folder}.lock").unlink(missing_ok=True)


def sweep(root: Path, messages: Path) -> int:
    """Puts back the messages whose taker died. Returns how many."""
    count = 0
    for lock in root.glob("*.lock"):
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                count += _give_back(lock.with_suffix(""), messages)
                lock.unlink()
        except (BlockingIOError, FileNotFoundError):
            continue  # its owner lives, or another sweep was faster
    return count


def _give_back(claimed: Path, messages: Path) -> int:
    if not claimed.is_dir():
        return 0
    paths = list(claimed.iterdir())
    for path in paths:
        path.rename(messages / path.name)
    claimed.rmdir()
    return len(paths)


class QoS(virtual.QoS):
    """Unlinks a message's file when its task is done."""

    channel: Channel

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self.channel.forget(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue=requeue)
        self.channel.forget(delivery_tag)


class Channel(filesystem.Channel):
    """One process's view of the folder."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._root = Path(self.transport_options["folder"])
        self._messages = self._root / "messages"
        self._claims_root = self._root / "claims"
        self._claims: Claims | None = None
        self._needs_no_ack: set[str] = set()
        self._listings: dict[str, deque[str]] = {}
        self._next_sweep = 0.0
        for folder in (self._messages, self._claims_root, self.control_folder):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def control_folder(self) -> Path:
        return self._root / "exchanges"

    @property
    def data_folder_in(self) -> str:
        return str(self._messages)

    data_folder_out = data_folder_in

    # --- The table of an exchange: written whole, and no reader trips over a broken one ---

    def get_table(self, exchange: str) -> list[Any]:
        try:
            rows = loads(self._table_file(exchange).read_text())
            return [filesystem.exchange_queue_t(*row) for row in rows]
        except FileNotFoundError:
            # None yet, or somebody removed the folder: then what this connection has bound still holds.
            exchanges = self.state.exchanges or {}
            return [filesystem.exchange_queue_t(*row) for row in exchanges.get(exchange, {}).get("table", [])]
        except (ValueError, TypeError):
            logger.warning("The broker's table of exchange %s was broken; it is made anew.", exchange)
            return []

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        if row not in self.get_table(exchange):
            self._change_table(exchange, lambda rows: [row, *(other for other in rows if other != row)])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda rows: [other for other in rows if other != row])
        self._purge(queue)

    def _table_file(self, exchange: str) -> Path:
        # kombu's own check of the name: it becomes one of a file
        return Path(self._exchange_file(exchange))  # type: ignore[attr-defined]  # newer than its types

    def _change_table(self, exchange: str, change: Callable[[list[Any]], list[Any]]) -> None:
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with (self.control_folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_whole(self._table_file(exchange), dumps(change(self.get_table(exchange))))

    # --- Messages ---

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        # By the wall clock, for the order of a folder's listing: a monotonic clock starts anew with the machine.
        name = f"{time.time_ns()}_{uuid.uuid4().hex}.{queue}.msg"
        write_whole(self._messages / name, dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        self._sweep_now_and_then()
        for name in self._waiting(queue):
            claimed = self._own_claims().take(self._messages / name)
            payload = self._read(claimed) if claimed else None
            if claimed is None or payload is None:
                continue
            if queue in self._needs_no_ack:
                claimed.unlink()
            else:
                self._own_claims().hold(payload["properties"]["delivery_tag"], claimed)
            return payload
        raise Empty

    def _waiting(self, queue: str) -> Iterator[str]:
        """The names of a queue's messages, oldest first. One listing serves many calls: a backlog is read once."""
        listing = self._listings.setdefault(queue, deque())
        if not listing:
            listing.extend(sorted(path.name for path in self._messages.glob(f"*.{glob.escape(queue)}.msg")))
        while listing:
            yield listing.popleft()

    def _read(self, path: Path) -> dict[str, Any] | None:
        """A message, or None for a file that is none: it is put aside, since one bad file must not stop the queue."""
        try:
            payload = loads(path.read_text())
            payload["properties"]["delivery_tag"]
        except (ValueError, TypeError, KeyError):
            aside = self._root / "broken"
            aside.mkdir(exist_ok=True)
            path.rename(aside / path.name)
            logger.warning("A broken message was put aside: %s", aside / path.name)
            return None
        return dict(payload)

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:
        if no_ack:
            self._needs_no_ack.add(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        message = super().basic_get(queue, no_ack=no_ack, **kwargs)
        if message is not None and message.delivery_tag and no_ack:
            self.forget(message.delivery_tag)
        return message

    def forget(self, delivery_tag: str) -> None:
        """The message is done with."""
        path = self._claims.pop(delivery_tag) if self._claims else None
        if path:
            path.unlink(missing_ok=True)

    def _restore(self, message: Any) -> None:
        """Back into the queue, by the rename that took it out (kombu would publish a copy)."""
        path = self._claims.pop(message.delivery_tag) if self._claims else None
        if path is None:
            super()._restore(message)
            return
        path.rename(self._messages / path.name)

    def close(self) -> None:
        super().close()
        if self._claims:
            self._claims.close(self._messages)
            self._claims = None

    def _own_claims(self) -> Claims:
        if self._claims is None or self._claims.is_gone:
            self._claims = Claims(self._claims_root)
        return self._claims

    def _sweep_now_and_then(self) -> None:
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + SWEEP_SECONDS
        count = sweep(self._claims_root, self._messages)
        if count:
            logger.warning("%d messages of a worker that died were put back.", count)


class Transport(filesystem.Transport):
    """`embedded://`: looks for messages ten times a second."""

    Channel = Channel
    polling_interval = 0.1
    driver_type = "embedded"
    driver_name = "embedded"
    # A folder that cannot be used is a server that is away: a worker waits for it instead of ending.
    connection_errors = (*filesystem.Transport.connection_errors, OSError)

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        # Kombu's is one for the process, and then skips bindings that another connection has made: perhaps elsewhere.
        self.state = virtual.BrokerState()
