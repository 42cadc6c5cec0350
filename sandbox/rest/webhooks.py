"""`/api/v4/webhooks`: who hears of what. One hook per address, however often it is posted."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.web.messages import BadJsonError, Response

from .call import Call, nothing, ok
from .problems import ApiError, invalid
from .query import nested, texts
from .shapes import hook_shape

ACTIONS = {
    "lead": ("add", "update", "delete", "restore", "status", "responsible", "note"),
    "contact": ("add", "update", "delete", "restore", "responsible", "note"),
    "company": ("add", "update", "delete", "restore", "responsible", "note"),
    "customer": ("add", "update", "delete", "responsible", "note"),
    "task": ("add", "update", "delete", "responsible"),
    "talk": ("add", "update"),
    "unsorted": ("add", "update", "delete"),
}
EVENTS = {f"{action}_{entity}" for entity, actions in ACTIONS.items() for action in actions} | {
    "add_chat_template_review", "add_message", "add_outgoing_message",
}  # fmt: skip


def list_webhooks(call: Call) -> Response:
    """GET /webhooks: not 204 but an empty list when there are none."""
    filter_ = nested(call.request.pairs).get("filter")
    wanted = texts(filter_.get("destination")) if isinstance(filter_, dict) else []
    # An address may hold a comma, which a comma list would cut.
    exact = call.request.query.get("filter[destination]")
    rows = [
        hook_shape(call.account, hook)
        for hook in call.account.hooks.values()
        if (exact is None and not wanted) or hook.destination == exact or hook.destination in wanted
    ]
    links = call.self_link("webhooks")
    return ok({"_total_items": len(rows), "_links": links, "_embedded": {"webhooks": rows}})


def subscribe(call: Call) -> Response:
    """POST /webhooks: make or update, 201."""
    row = _row(call)
    destination, settings = row.get("destination"), row.get("settings")
    if not isinstance(destination, str) or urlsplit(destination).scheme not in ("http", "https"):
        raise invalid("destination")
    if not isinstance(settings, list) or not settings or not set(map(str, settings)) <= EVENTS:
        raise invalid("settings")
    if not call.account.profile.has_webhooks:
        raise ApiError(402)
    try:
        hook = call.account.subscribe(destination, settings)
    except ValueError as error:
        raise ApiError(422, str(error)) from None
    return ok(hook_shape(call.account, hook), 201)


def unsubscribe(call: Call) -> Response:
    """DELETE /webhooks with the address in the body."""
    destination = _row(call).get("destination")
    if not isinstance(destination, str):
        raise invalid("destination")
    if not call.account.unsubscribe(destination):
        raise ApiError(404, "Webhook not found")
    return nothing()


def _row(call: Call) -> dict[str, Any]:
    try:
        data = call.request.json()
    except BadJsonError:
        raise ApiError(400, "Invalid JSON") from None
    if not isinstance(data, dict):
        raise ApiError(400, "Request data can not be empty")
    return data
