"""How gunicorn serves the product. Settings are read in the master, so that a senseless variable ends it at once."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

bind = f"0.0.0.0:{settings.PORT}"
# Threads, so that a request that waits for amoCRM (a sync of up to 10 s) leaves the others room for the hooks.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
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
        "gunicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
