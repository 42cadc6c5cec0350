"""The WSGI application that gunicorn serves: a delivery goes straight to the hooks' view, all else through Django.

Half of what a delivery would cost in Django stands around its view: routing, languages, sessions, and a connection
taken from the pool and given back. It needs none of that, and its thread may keep the connection that it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()

# Views and models can be loaded once Django is set up.
from config.errors import server_error  # noqa: E402
from config.paths import canonical  # noqa: E402
from integrations.intake.urls import ADDRESSES  # noqa: E402
from integrations.intake.views import receive  # noqa: E402
from integrations.models import Hook  # noqa: E402

logger = structlog.get_logger(__name__)

HOOKS = {f"/{address}": hook for address, hook in ADDRESSES.items()}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    hook = HOOKS.get(canonical(environ.get("PATH_INFO", "")))
    if hook is None or environ["REQUEST_METHOD"] != "POST":
        return django_application(environ, start_response)
    response = _received(WSGIRequest(environ), hook)
    if response.status_code >= 400:
        # As the request log does for all else; by path, since the query holds the signature.
        logger.warning("delivery_refused", code=response.status_code, path=environ["PATH_INFO"])
    response["Content-Length"] = str(len(response.content))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


def _received(request: WSGIRequest, hook: Hook) -> HttpResponse:
    try:
        return receive(request, hook)
    except Exception:  # whatever it is, amoCRM gets an answer and sends again
        logger.exception("delivery_failed")
        return server_error(request)
