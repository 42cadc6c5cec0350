"""How gunicorn serves the product. Settings are read in the master, so that a senseless variable ends it at once."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.glogging import Logger
from gunicorn.workers import gasgi
from gunicorn.workers.base import Worker

from config.garbage import spare_what_started


class NoAccessLog(Logger):
    """The request log is Django's. gunicorn's own would be put together for each delivery, whoever read it."""

    access_log_enabled = False


class OneAtATime(ASGIProtocol):
    """Holds what comes on a connection before the request in hand is over, which is a moment after its answer.

    Of that gunicorn keeps 64 kB; for more it drops the connection, and with it the request of a caller who did nothing
    but send the next one as soon as the answer was there. What was read together with the end of a request counts too,
    so it is given no more than that at once.
    """

    _KEPT = 64 * 1024
    _early = b""

    def data_received(self, data: bytes) -> None:
        while data and not self._closed:
            if self._callback_parser is not None and self._callback_parser.is_complete and not self._websocket:
                self._early += data
                self._pause_reading()
                return
            super().data_received(data[: self._KEPT])
            data = data[self._KEPT :]

    def _resume_reading(self) -> None:
        if self._early:  # gunicorn makes ready for the next request only after this
            self.worker.loop.call_soon(self._read_early)
        else:
            super()._resume_reading()

    def _read_early(self) -> None:
        early, self._early = self._early, b""
        super()._resume_reading()
        self.data_received(early)


ASGIProtocol._check_h1c_protocol_available()  # it writes what it finds on the class it is asked of, and reads it here
gasgi.ASGIProtocol = OneAtATime

logger_class = NoAccessLog
bind = f"0.0.0.0:{settings.PORT}"
worker_class = "asgi"
asgi_loop = "uvloop"  # where nothing is said, a missing one would only be felt
http_parser = "auto"  # gunicorn_h1c where it could be compiled (Makefile), else Python
asgi_lifespan = "off"  # nothing of ours starts or ends with the server
workers = settings.ENV.web_concurrency
limit_request_line = 8190  # its most; a longer one cannot be answered by us, and so not with a `detail`
timeout = 60
graceful_timeout = 4
keepalive = 30
# Heartbeat files of workers: in memory where there is such a place, since a slow disk would look like a hung worker.
_memory = Path("/dev/shm")  # noqa: S108
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
control_socket_disable = True  # one file for all gunicorns of a user
logconfig_dict = {
    **settings.LOGGING,
    "loggers": {
        **settings.LOGGING["loggers"],
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
    },
}


def post_worker_init(worker: Worker) -> None:
    spare_what_started()
