"""HTTP as we speak it with others: no redirects, no cookies, bounded in time and size."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""The longest silence within an answer."""
ANSWER_SECONDS = 25.0
"""The longest an answer may take as a whole: one that drips byte by byte is never silent."""
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CHUNK = 64 * 1024


class _Deadline(HTTPConnection):
    """Bounds the time until the headers are there. A read timeout alone bounds only the silence between two bytes."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        self._is_given_up = False
        watch = threading.Timer(ANSWER_SECONDS, self._give_up)
        watch.daemon = True
        watch.start()
        try:
            response = super().getresponse()
        except Exception as error:
            if self._is_given_up:
                raise TimeoutError("the answer is too slow") from error
            raise
        finally:
            watch.cancel()
            watch.join()  # lest it shuts down what has taken the socket's number meanwhile, as a database's connection
        if self._is_given_up:  # headers that were cut off look like headers that have come to their end
            response.close()
            raise TimeoutError("the answer is too slow")
        return response

    def _give_up(self) -> None:
        self._is_given_up = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _SafeDeadline(_Deadline, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Deadline


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _SafeDeadline


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}


class BoundedSession(requests.Session):
    """A session whose answers end, one way or the other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.headers["User-Agent"] = "Voronka/1.0"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        # One thread's session serves many accounts, and servers set session cookies.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """As in requests, with the body read already."""
        kwargs |= {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False, "stream": True}
        ends = time.monotonic() + ANSWER_SECONDS
        response = super().request(method, url, *args, **kwargs)
        # What `Response.content` itself would set, had it a deadline.
        response._content = _body(response, ends)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


class Bearer(requests.auth.AuthBase):
    """Set as `auth`, so that no ~/.netrc puts something else in its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # UTF-8 read as Latin-1, which any text can be: http.client's error for other signs would quote the token.
        request.headers["Authorization"] = f"Bearer {self._token}".encode().decode("latin-1")
        return request


def _body(response: requests.Response, ends: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    # read1 returns what one recv brought; read would wait for a whole chunk, however slowly it drips.
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if time.monotonic() > ends or size > MAX_ANSWER_BYTES:
            response.close()
            raise requests.Timeout("the answer is too slow" if size <= MAX_ANSWER_BYTES else "the answer is too long")
    return b"".join(chunks)


NETWORK_ERRORS = (requests.RequestException, HTTPError, HTTPException, OSError)
