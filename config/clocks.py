"""Warns of a clock that differs from the database's: what goes wrong by it goes wrong without a word."""

from __future__ import annotations

import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from leads.clock import shared_now

logger = structlog.get_logger(__name__)

# Ten minutes, and a worker drops what beat rings for (`CLOCKS_DIFFER`): somebody should know before.
_TOLD_FROM = 60.0


def tell_of_wrong_clock() -> None:
    """A line of the log where this machine's clock is more than a minute from the database's, if that is there."""
    try:
        ahead = (timezone.now() - shared_now()).total_seconds()
    except (DatabaseError, InterfaceError):
        return
    if abs(ahead) > _TOLD_FROM:
        logger.error("clock_differs_from_the_databases", seconds_ahead=round(ahead))
