"""A running sandbox, a client of it, and somebody who listens to its hooks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from sandbox import Sandbox, Server, serve


@dataclass
class Listener:
    """Takes hooks at `url` and answers `statuses` one after another, then 200."""

    url: str = ""
    bodies: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def keys(self) -> list[str]:
        """`leads[add]` and the like, of each body."""
        return [next(key for key in body if not key.startswith("account")).split("][")[0] + "]" for body in self.bodies]


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            listener.bodies.append(dict(parse_qsl(body, keep_blank_values=True)))
            listener.headers.append(dict(self.headers.items()))
            self._answer()

        def do_GET(self) -> None:
            listener.queries.append(self.path)
            self._answer()

        def _answer(self) -> None:
            self.send_response(listener.statuses.pop(0) if listener.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(listening))
    server.daemon_threads = True
    listening.url = f"http://127.0.0.1:{server.server_port}/hook?user_id=1&sig=2"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield listening
    server.shutdown()
    server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(Sandbox(rate_limit=False, hook_time_scale=0.0)) as running:
        yield running


@pytest.fixture
def crm(server: Server) -> Sandbox:
    return server.crm


class Api(requests.Session):
    """A session whose addresses begin at the sandbox's API."""

    def __init__(self, root: str, token: str) -> None:
        super().__init__()
        self.root = root
        self.trust_env = False
        self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, f"{self.root}/api/v4/{url}", *args, **options)

    def get(self, url: str, params: dict[str, Any] | None = None, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().get(url, params=params, **options)


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    with Api(server.url, server.crm.long_lived_token()) as session:
        yield session
