"""`/healthz`: the process answers. `/readyz`: database, broker and beat are there as well. Open to all."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from kombu.exceptions import ChannelError, OperationalError

from config.beat import SILENT_AFTER, silent_for
from config.celery import app
from integrations.intake.store import is_file_gone
from leads.api.plain import for_reading


@for_reading
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process can answer at all. Asks nobody."""
    return JsonResponse({"status": "alive"})


@for_reading
def readyz(request: HttpRequest) -> JsonResponse:
    """200 `{"status": "ready", "checks": {...}}`, or 503 with "unready" and, per part, "ok" or what is wrong."""
    checks = {name: probe() for name, probe in PROBES.items()}
    ready = all(word == "ok" for word in checks.values())
    body: dict[str, object] = {"status": "ready" if ready else "unready", "checks": checks}
    if not ready:
        failing = ", ".join(name for name, word in checks.items() if word != "ok")
        body["detail"] = f"Not ready: {failing}."
    return JsonResponse(body, status=200 if ready else 503)


def database() -> str:
    try:
        with connection.cursor() as cursor:
            # A standby, and who is about to become one, answers all that is read.
            cursor.execute("SHOW transaction_read_only" if connection.vendor == "postgresql" else "SELECT 1")
            if cursor.fetchone() == ("on",):
                return "read-only"
    except (DatabaseError, InterfaceError):
        return "out of reach"
    return "gone: its file was deleted or replaced" if is_file_gone(connection) else "ok"


def broker() -> str:
    """A connection of its own: a pooled one may have died without knowing."""
    with app.connection_for_write() as link:
        try:
            link.ensure_connection(max_retries=1, timeout=1)
        except (OperationalError, ChannelError, OSError):
            return "out of reach"
    return "ok"


def beat() -> str:
    try:
        silent = silent_for()
    except (DatabaseError, InterfaceError):
        return "unknown without the database"
    if silent is None:
        return "never seen"
    return "ok" if silent < SILENT_AFTER else f"silent for {int(silent.total_seconds())} s"


PROBES: dict[str, Callable[[], str]] = {"database": database, "broker": broker, "beat": beat}
