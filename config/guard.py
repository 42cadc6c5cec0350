"""Whom failed sign-ins are counted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest


def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """The e-mail as accounts know it: another spelling of it is no fresh set of tries."""
    given = (credentials or request.POST).get("username")
    return str(given).strip().lower() if given else None
