"""What gunicorn serves: a delivery goes straight to the hooks' door, all else to Django, in a few threads.

Pages and the API wait for the database and sometimes for amoCRM, which is what threads are for. Deliveries come in
hundreds, and each waits for one thing only: the commit that many of them share.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, cast

import structlog
from a2wsgi import WSGIMiddleware
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.core.handlers.asgi import ASGIRequest
from django.utils import translation

from config.wsgi import application as django_application

# Views and models can be loaded once Django is set up.
from config.paths import canonical  # isort: skip
from integrations.intake import answers, door  # isort: skip
from integrations.intake.urls import ADDRESSES  # isort: skip
from integrations.models import Hook  # isort: skip

logger = structlog.get_logger(__name__)

HOOKS = {f"/{address}": hook for address, hook in ADDRESSES.items()}
THREADS = 4
django_in_threads: Any = WSGIMiddleware(cast("Any", django_application), workers=THREADS)


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    if scope["type"] == "http":
        hook = HOOKS.get(canonical(scope["path"]))
        if hook is not None and scope["method"] == "POST":
            await _take_in(scope, receive, send, hook)
            return
    await django_in_threads(scope, receive, send)


async def _take_in(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, hook: Hook) -> None:
    try:
        answer = await door.receive(scope, receive, hook)
    except door.HungUp:
        return
    except Exception:  # whatever it is, amoCRM gets an answer and sends again
        logger.exception("delivery_failed")
        answer = answers.FAILED
    body = answer.body if answer.status < 400 else _refused(scope, answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _refused(scope: HTTPScope, answer: answers.Answer) -> bytes:
    """Logged as the request log does for all else, by path, since the query holds the signature."""
    logger.warning("delivery_refused", code=answer.status, path=scope["path"])
    with translation.override(translation.get_language_from_request(ASGIRequest(scope, BytesIO()))):
        return answer.body
