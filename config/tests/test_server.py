"""gunicorn as `gunicorn.conf.py` sets it up, asked over real connections."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from benchmarks.servers import free_port, running
from config.environment import BASE_DIR

# Larger than what gunicorn keeps of a request that comes before the one before it is over.
BODY = b"x" * 200_000
# Seconds: the port is there before a worker is, which on a busy machine takes its time to load.
PATIENCE = 300

# gunicorn's parser in C, and the one in Python, which serves where that could not be compiled.
both_parsers = pytest.mark.parametrize("parser", ["auto", "python"])


@both_parsers
def test_no_large_request_is_lost_however_soon_it_follows_another(tmp_path: Path, parser: str) -> None:
    with web(tmp_path, parser) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.connect()
        connection.auto_open = 0  # a new connection would hide that the old one was dropped
        statuses = Counter(_post(connection) for _ in range(100))
        connection.close()
    assert statuses == {403: 100}


@both_parsers
def test_large_requests_that_are_sent_without_waiting_are_all_answered(tmp_path: Path, parser: str) -> None:
    head = f"POST /webhooks/amocrm HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    last = b"GET /webhooks/amocrm/test HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answers = b""
    with web(tmp_path, parser) as port, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        sending = threading.Thread(target=connection.sendall, args=[(head + BODY) * 20 + last])
        sending.start()
        while part := connection.recv(2**16):
            answers += part
        sending.join()
    assert Counter(re.findall(rb"HTTP/1\.1 (\d+)", answers)) == {b"403": 20, b"200": 1}


@contextmanager
def web(folder: Path, parser: str) -> Iterator[int]:
    """The web process of the Procfile: its port."""
    port = free_port()
    own = {"PORT": str(port), "VAR_DIR": str(folder), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings"}
    # Set but blank counts as not set, also for what gunicorn itself reads.
    command, env = [sys.executable, "-m", "config.web"], os.environ | own | {"WEB_CONCURRENCY": ""}
    env["GUNICORN_CMD_ARGS"] = f"--http-parser {parser}"
    with running(command, port, cwd=BASE_DIR, env=env):
        yield port


def _post(connection: HTTPConnection) -> int:
    connection.request("POST", "/webhooks/amocrm", BODY)
    answer = connection.getresponse()
    answer.read()
    return answer.status
