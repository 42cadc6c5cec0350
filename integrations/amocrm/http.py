"""HTTP with amoCRM: only to where it may go."""

from __future__ import annotations

import os
import threading
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

from integrations.amocrm.errors import Outage
from integrations.amocrm.hosts import account_host
from integrations.http import BoundedSession
from leads.told import told


class AmoSession(BoundedSession):
    """A session for `https://{account host}/…`; where AMOCRM_BASE_URL is set, its requests go there instead."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """As in BoundedSession.

        :raises ForeignHost: before anything is sent.
        """
        return super().request(method, _routed(url), *args, **kwargs)


def _routed(url: str) -> str:
    parts = urlsplit(url)
    host = account_host(parts.netloc)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{settings.AMOCRM_BASE_URL.rstrip('/') or f'https://{host}'}{path}"


_local = threading.local()


def thread_session() -> AmoSession:
    """This thread's session, so that connections are reused and never shared; a fork starts its own."""
    if getattr(_local, "owner", None) != os.getpid():
        _local.session, _local.owner = AmoSession(), os.getpid()
    session: AmoSession = _local.session
    return session


def outage(error: Exception, method: str, path: str) -> Outage:
    """A network error in words. The original is not kept: it holds the request, and that the token."""
    if isinstance(error, requests.ConnectTimeout):
        reason = told("amoCRM cannot be reached: connecting takes too long.")
    elif isinstance(error, requests.Timeout):
        reason = told("amoCRM does not answer in time.")
    elif isinstance(error, requests.exceptions.SSLError):
        reason = told("amoCRM cannot be reached safely: its certificate is refused.")
    else:
        reason = told("The connection to amoCRM failed or broke off.")
    return Outage(reason, method=method, path=path)
