"""Failed sign-ins: for whose name and from which address they are counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def counted_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """The e-mail as accounts know it: another spelling of it is no fresh set of tries."""
    given = (credentials or request.POST).get("username")
    return str(given).strip().lower() if given else None


def client_address(request: HttpRequest) -> str:
    """Where the request came from. Behind TRUSTED_PROXIES proxies it is what the outermost of them saw.

    Each proxy appends to X-Forwarded-For whom it heard; whatever stands further left is the visitor's own word.
    """
    direct: str = request.META.get("REMOTE_ADDR", "")
    heard = request.headers.get("X-Forwarded-For", "").split(",")
    hops: int = settings.TRUSTED_PROXIES
    if not 0 < hops <= len(heard):
        return direct
    try:
        return str(ipaddress.ip_address(heard[-hops].strip()))
    except ValueError:
        return direct
