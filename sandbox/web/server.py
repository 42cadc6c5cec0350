"""A threaded HTTP/1.1 server with keep-alive, which can also misbehave on the socket as a fault asks."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any

from sandbox.faults import Fault
from sandbox.sandbox import Sandbox

from .app import App
from .messages import Request, Response

REASONS = {status: phrase for status, (phrase, _) in BaseHTTPRequestHandler.responses.items()}
HARD_CLOSE = struct.pack("ii", 1, 0)
DRIP_STEPS = 20


class _Listener(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], app: App) -> None:
        self.app = app
        self._open: set[socket.socket] = set()
        self.closing = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks DNS for the host's name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.closing:
            self._open.discard(request)
            super().shutdown_request(request)

    def cut_connections(self) -> None:
        """End the connections that clients keep alive. None is closed meanwhile: its number could be a database's by
        the time that it is shut down."""
        with self.closing:
            for connection in list(self._open):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error worth a traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body, time.monotonic())
        response = self.server.app.answer(request)
        try:
            self._send(response)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = _answer  # noqa: N815 (the base class's names)

    def _send(self, response: Response) -> None:
        fault = response.fault
        if fault is not None and fault.kind in ("reset", "hang", "lose_answer"):
            self._cut()
            return
        data = self._head(response) + (b"" if self.command == "HEAD" else response.body)
        if fault is not None and fault.kind == "truncate":
            self.connection.sendall(data[: len(data) - max(len(response.body) // 2, 1)])
            self.close_connection = True
        elif fault is not None and fault.kind == "drip":
            self._drip(data, fault)
        else:
            self.connection.sendall(data)

    def _head(self, response: Response) -> bytes:
        lines = [
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}",
            "Server: nginx",
            f"Date: {self.date_time_string()}",
        ]
        if response.content_type:
            lines.append(f"Content-Type: {response.content_type}")
        if response.status != 204:
            lines.append(f"Content-Length: {len(response.body)}")
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _cut(self) -> None:
        # No linger: the other side gets a reset, as from a machine that died.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
        self.connection.close()  # which it is in `finish`, with the files that were made of it
        self.close_connection = True

    def _drip(self, data: bytes, fault: Fault) -> None:
        step = max(len(data) // DRIP_STEPS, 1)
        for at in range(0, len(data), step):
            self.connection.sendall(data[at : at + step])
            time.sleep(fault.seconds / DRIP_STEPS)

    def finish(self) -> None:
        with self.server.closing, suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The journal has it."""


class Server:
    """A running sandbox: `url`, and `crm` for direct access to what it holds. A context manager."""

    def __init__(self, crm: Sandbox, host: str = "127.0.0.1", port: int = 0) -> None:
        self.crm = crm
        self._app = App(crm)
        self._host = host
        self._listener: _Listener | None = None
        self._listen(port)

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """`http://host:port`, for AMOCRM_BASE_URL and TELEGRAM_API_URL (`url + "/telegram"`)."""
        return f"http://{self._host}:{self._port}"

    def refuse_connections(self) -> None:
        """Stop listening: connections are refused, as by a machine that is down. The control API is gone too."""
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.cut_connections()
            self._listener = None

    def accept_connections(self) -> None:
        """Listen again, on the same port."""
        if self._listener is None:
            self._listen(self._port)

    def close(self) -> None:
        """Stop the server and the hooks' threads, and write the state file if there is one."""
        self.refuse_connections()
        self.crm.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _listen(self, port: int) -> None:
        self._listener = _Listener((self._host, port), self._app)
        self._port = self._listener.server_port
        # The default half second of polling would make every shutdown that slow.
        arguments = {"poll_interval": 0.02}
        threading.Thread(
            target=self._listener.serve_forever, kwargs=arguments, name="sandbox-http", daemon=True
        ).start()


def serve(crm: Sandbox | None = None, *, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Start a server for `crm` (default: a fresh one) on a free port; use it in a `with`."""
    return Server(crm or Sandbox(), host, port)
