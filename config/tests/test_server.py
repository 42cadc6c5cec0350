"""gunicorn as `gunicorn.conf.py` sets it up, asked over real connections."""

from __future__ import annotations

import os
import sys
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.servers import free_port, running
from config.environment import BASE_DIR

# Larger than what gunicorn keeps of a request that comes before the one before it is over.
BODY = b"x" * 200_000


def test_no_large_request_is_lost_however_soon_it_follows_another(tmp_path: Path) -> None:
    port = free_port()
    own = {"PORT": str(port), "VAR_DIR": str(tmp_path), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings"}
    with running([sys.executable, "-m", "gunicorn", "config.asgi"], port, cwd=BASE_DIR, env=os.environ | own):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.connect()
        connection.auto_open = 0  # a new connection would hide that the old one was dropped
        statuses = Counter(_post(connection) for _ in range(100))
        connection.close()
    assert statuses == {403: 100}


def _post(connection: HTTPConnection) -> int:
    connection.request("POST", "/webhooks/amocrm", BODY)
    answer = connection.getresponse()
    answer.read()
    return answer.status
