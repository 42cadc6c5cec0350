"""The hooks' view: check the signature, store, answer. Everything else happens later, in the drain.

What gunicorn serves comes by `door.py` and never here; this is the way through Django, as `runserver` goes.
"""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.intake import answers
from integrations.intake.answers import MAX_BODY_BYTES, Answer
from integrations.intake.doorbell import ring
from integrations.intake.signature import sender_of
from integrations.intake.store import Arrival, NotStored, store
from integrations.models import Hook

logger = structlog.get_logger(__name__)


@csrf_exempt
def receive(request: HttpRequest, hook: Hook) -> HttpResponse:
    """A delivery of amoCRM. 200 once committed, whatever the body is; 403 unsigned; 413 too large; 503 not stored."""
    answer = _receive(request, hook)
    headers = {"Allow": "POST"} if answer is answers.ONLY_POST else None
    return HttpResponse(answer.body, status=answer.status, content_type="application/json", headers=headers)


def _receive(request: HttpRequest, hook: Hook) -> Answer:
    if request.method != "POST":
        return answers.ONLY_POST
    sender = sender_of(request.META["QUERY_STRING"], hook)
    if sender is None:
        return answers.REFUSED
    body = _body(request)
    if body is None:
        return answers.TOO_LARGE
    headers = request.headers
    arrival = Arrival(sender, body, headers.get("Content-Type", ""), headers.get("X-Amocrm-Requestid", ""))
    try:
        (delivery_id,) = store([arrival])
    except NotStored as error:
        logger.error("delivery_not_stored", account=str(sender.account_id), error=str(error))
        return answers.NOT_STORED
    if delivery_id is None:
        return answers.REFUSED
    ring(sender.account_id, delivery_id)
    return answers.stored(delivery_id)


def _body(request: HttpRequest) -> bytes | None:
    """The raw body; None when it is too large. Never parsed here: any number of fields is stored."""
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > MAX_BODY_BYTES:
        return None
    # Chunked bodies announce no length, which Django takes for an empty body; the server has decoded them.
    is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream = request.META["wsgi.input"] if is_chunked else request
    body: bytes = stream.read(MAX_BODY_BYTES + 1)
    return None if len(body) > MAX_BODY_BYTES else body
