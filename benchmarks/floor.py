"""What the database can do here: `INSERT … COMMIT` from as many clients as the server has connections, and no HTTP."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connection

from benchmarks.load import CONTENT_TYPE, Figures, figures

# The clients spread over a few processes, as those of a server would: one Python alone is slower than the database.
PROCESSES = 4
COLUMNS = "user_account_id, source, raw_body, content_type, request_id"
Insert = Callable[[], object]


def insert(account_id: uuid.UUID, body: bytes, *, connections: int, seconds: float) -> Figures:
    """Rows committed by `connections` clients within `seconds`."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    target = {"vendor": connection.vendor, "address": _address()}
    share = connections // PROCESSES
    row = (_key(account_id), "amocrm", body, CONTENT_TYPE, "")
    connection.close()
    clients = [
        context.Process(target=_process, args=(queue, target, row, share, seconds), daemon=True)
        for _ in range(PROCESSES)
    ]
    for client in clients:
        client.start()
    latencies = [latency for _ in clients for latency in queue.get()]
    for client in clients:
        client.join()
    return figures(latencies, seconds)


def _key(account_id: uuid.UUID) -> str:
    return account_id.hex if connection.vendor == "sqlite" else str(account_id)


def _address() -> str:
    if connection.vendor == "sqlite":
        return str(connection.settings_dict["NAME"])
    given = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        **{name: given[name] for name in ("dbname", "user", "password", "host", "port") if given.get(name)}
    )


def _process(queue: Any, target: dict[str, str], row: tuple[Any, ...], clients: int, seconds: float) -> None:
    latencies: list[float] = []
    ready = threading.Barrier(clients)

    def client() -> None:
        insert_one = _sqlite(target["address"], row) if target["vendor"] == "sqlite" else _psycopg(target, row)
        ready.wait()
        ends = time.monotonic() + seconds
        while (started := time.monotonic()) < ends:
            insert_one()
            latencies.append(time.monotonic() - started)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(latencies)


def _psycopg(target: dict[str, str], row: tuple[Any, ...]) -> Insert:
    link = psycopg.connect(target["address"], autocommit=True)
    statement = f"INSERT INTO webhook_logs ({COLUMNS}) VALUES (%s, %s, %s, %s, %s)"
    return lambda: link.execute(statement, row)


def _sqlite(path: str, row: tuple[Any, ...]) -> Insert:
    link = sqlite3.connect(path, isolation_level=None, timeout=20)
    link.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    statement = f"INSERT INTO webhook_logs ({COLUMNS}) VALUES (?, ?, ?, ?, ?)"
    return lambda: link.execute(statement, row)
