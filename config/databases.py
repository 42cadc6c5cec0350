"""How the product holds its database and cache connections, by kind of server (measured: docs/decisions.md)."""

from __future__ import annotations

from typing import Any

from config.env import writing
from config.environment import BASE_DIR, Environment
from config.timestamps import read_times_fast

SQLITE = "django.db.backends.sqlite3"

# One per thread that may work at once (web: 4 and the intake's, worker: 8), and a few to spare; each process has
# its own pool.
POOL_SIZE = 12
# Seconds to wait for a connection. An intake that gets none answers 503, and amoCRM sends again: no use in waiting.
CONNECT_SECONDS = 5
# A host whose cable is pulled says no goodbye. Without these the kernel would go on trying for a quarter of an hour: at
# our end a thread hangs, at the server's end a transaction keeps its account locked. As soon as such a timeout is set,
# Linux drops an idle connection at the first keepalive after it that finds another unanswered. Ten seconds left room
# for one, and on a crowded machine sound connections to itself were dropped; half a minute leaves room for four.
_DEAD_AFTER, _IDLE, _INTERVAL = 30, 10, 5
SILENCE = {
    "tcp_user_timeout": _DEAD_AFTER * 1000,
    "keepalives_idle": _IDLE,
    "keepalives_interval": _INTERVAL,
    "keepalives_count": (_DEAD_AFTER - _IDLE) // _INTERVAL,
}
# What a server, database or role may be set to otherwise: who waited for the account's row must read what its holder
# wrote, and the driver reads one way of writing times.
WANTED = r"-c default_transaction_isolation=read\ committed -c DateStyle=ISO -c IntervalStyle=postgres"
AT_THE_SERVER = (
    f"-c tcp_user_timeout={_DEAD_AFTER * 1000} -c tcp_keepalives_idle={_IDLE} -c tcp_keepalives_interval={_INTERVAL}"
    f" -c tcp_keepalives_count={(_DEAD_AFTER - _IDLE) // _INTERVAL} {WANTED}"
)


def database(environment: Environment) -> dict[str, Any]:
    """Django's DATABASES["default"]."""
    config = dict(environment.database)
    config["ATOMIC_REQUESTS"] = False
    if config["ENGINE"] == SQLITE:
        return _sqlite(config)
    return _postgresql(config)


def _sqlite(config: dict[str, Any]) -> dict[str, Any]:
    path = BASE_DIR / str(config["NAME"])
    with writing("DATABASE_URL", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    config["NAME"] = path
    # Opening a SQLite file costs most of a small request, so each thread keeps its connection.
    config["CONN_MAX_AGE"] = None
    config["OPTIONS"] = {
        # A transaction takes the write lock when it begins: one that reads first and writes then would fail at once.
        "transaction_mode": "IMMEDIATE",
        # SQLite's lock is not fair: waits of eight seconds were seen under load.
        "timeout": 20,
        # FULL: what was answered 200 outlives a power cut.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
    }
    return config


def _postgresql(config: dict[str, Any]) -> dict[str, Any]:
    read_times_fast()
    config["CONN_MAX_AGE"] = 0  # the pool keeps the connections
    own = config.get("OPTIONS", {})
    config["OPTIONS"] = {
        "connect_timeout": CONNECT_SECONDS,
        **SILENCE,
        **own,
        "options": f"{AT_THE_SERVER} {own.get('options', '')}".strip(),
        # A try that took so long is given up, and who asks next begins anew. The pool's own way is to wait twice as
        # long after each try, for five minutes: it would be away for as long again as the database was.
        "pool": {
            "min_size": 1,
            "max_size": POOL_SIZE,
            "timeout": CONNECT_SECONDS,
            "reconnect_timeout": CONNECT_SECONDS,
        },
    }
    return config


def cache(url: str) -> dict[str, Any]:
    """Django's CACHES["default"]: Redis, or this process's memory."""
    if not url.startswith("redis"):
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "voronka"}
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        # A stopped cache must not hang a request.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
