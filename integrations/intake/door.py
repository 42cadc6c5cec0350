"""The door by which the server's deliveries come: straight from the socket to the table, past all of Django's layers.

It says what `views.receive` says. Routing, languages, sessions and a thread for each request would cost many times what
a delivery needs, which is its signature checked and its body stored, together with whatever arrives beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog
from asgiref.typing import ASGIReceiveCallable, HTTPScope
from django.db import connection

from integrations.intake import answers
from integrations.intake.answers import MAX_BODY_BYTES, Answer
from integrations.intake.doorbell import ring
from integrations.intake.gathering import Gathering
from integrations.intake.signature import sender_of
from integrations.intake.store import Arrival, NotStored
from integrations.models import Hook

logger = structlog.get_logger(__name__)

# amoCRM waits for two seconds. What it gave up on it sends twice more, within twenty minutes; what it was answered 503
# four times, within an hour and a half. A server may be silent for longer than the first. A file is locked for seconds
# only, by whoever works off the backlog: a late 200 is the better answer there.
PATIENCE_SECONDS = 1.8 if connection.vendor == "postgresql" else None

gathering = Gathering(patience=PATIENCE_SECONDS)


class HungUp(Exception):
    """The sender was gone before the whole body was here; amoCRM sends it again."""


async def receive(scope: HTTPScope, next_event: ASGIReceiveCallable, hook: Hook) -> Answer:
    """A delivery of amoCRM. 200 once committed, whatever the body is; 403 unsigned; 413 too large; 503 not stored.

    :raises HungUp: there is nobody left to answer.
    """
    sender = sender_of(scope["query_string"].decode("latin-1"), hook)
    if sender is None:
        await _pass_over(next_event)
        return answers.REFUSED
    body = await _body(next_event)
    if body is None:
        return answers.TOO_LARGE
    headers = dict(scope["headers"])
    content_type, request_id = (
        headers.get(name, b"").decode("latin-1") for name in (b"content-type", b"x-amocrm-requestid")
    )
    try:
        delivery_id = await gathering.store(Arrival(sender, body, content_type, request_id))
    except NotStored as error:
        logger.error("delivery_not_stored", account=str(sender.account_id), error=str(error))
        return answers.NOT_STORED
    if delivery_id is None:
        return answers.REFUSED
    ring(sender.account_id, delivery_id)
    return answers.stored(delivery_id)


async def _pass_over(next_event: ASGIReceiveCallable) -> None:
    """Read what nobody signed, and forget it, since who still sends reads no answer. No more than we would store."""
    size = 0
    async for piece in _pieces(next_event):
        size += len(piece)
        if size > MAX_BODY_BYTES:
            return


async def _body(next_event: ASGIReceiveCallable) -> bytes | None:
    """The raw body; None when it is too large: read to its end all the same, since who still sends reads no answer."""
    pieces: list[bytes] = []
    size = 0
    async for piece in _pieces(next_event):
        size += len(piece)
        if size <= MAX_BODY_BYTES:
            pieces.append(piece)
    return b"".join(pieces) if size <= MAX_BODY_BYTES else None


async def _pieces(next_event: ASGIReceiveCallable) -> AsyncIterator[bytes]:
    has_more = True
    while has_more:
        event = await next_event()
        if event["type"] != "http.request":
            raise HungUp
        yield event["body"]
        has_more = event["more_body"]
