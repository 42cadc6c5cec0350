"""Which address is answered by what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from sandbox.web.messages import Response

from . import account, contacts, events, leads, links, pipelines, webhooks
from .call import Call
from .problems import ApiError

Handler = Callable[..., Response]
PEOPLE = "<any(contacts, companies):path>"
ENTITIES = "<any(leads, contacts, companies):path>"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "account", account.read_account),
    ("GET", "users", account.list_users),
    ("GET", "users/<int:user_id>", account.read_user),
    ("GET", "leads", leads.list_leads),
    ("POST", "leads", leads.create_leads),
    ("PATCH", "leads", leads.change_leads),
    ("POST", "leads/complex", leads.create_complex),
    ("GET", "leads/<int:lead_id>", leads.read_lead),
    ("PATCH", "leads/<int:lead_id>", leads.change_lead),
    ("GET", "leads/<int:lead_id>/links", links.list_links),
    ("POST", "leads/<int:lead_id>/link", links.link),
    ("POST", "leads/<int:lead_id>/unlink", links.unlink),
    ("GET", "leads/pipelines", pipelines.list_pipelines),
    ("GET", "leads/pipelines/<int:pipeline_id>", pipelines.read_pipeline),
    ("GET", "leads/pipelines/<int:pipeline_id>/statuses", pipelines.list_statuses),
    ("GET", "leads/pipelines/<int:pipeline_id>/statuses/<int:status_id>", pipelines.read_status),
    ("GET", "leads/loss_reasons", pipelines.list_loss_reasons),
    ("GET", f"{ENTITIES}/custom_fields", account.list_fields),
    ("POST", f"{ENTITIES}/custom_fields", account.create_fields),
    ("GET", f"{ENTITIES}/custom_fields/<int:field_id>", account.read_field),
    ("GET", f"{ENTITIES}/tags", account.list_tags),
    ("POST", f"{ENTITIES}/tags", account.create_tags),
    ("GET", PEOPLE, contacts.list_contacts),
    ("POST", PEOPLE, contacts.create_contacts),
    ("PATCH", PEOPLE, contacts.change_contacts),
    ("GET", f"{PEOPLE}/<int:contact_id>", contacts.read_contact),
    ("PATCH", f"{PEOPLE}/<int:contact_id>", contacts.change_contact),
    ("GET", "events", events.list_events),
    ("GET", "events/types", events.list_types),
    ("GET", "events/<event_id>", events.read_event),
    ("GET", "webhooks", webhooks.list_webhooks),
    ("POST", "webhooks", webhooks.subscribe),
    ("DELETE", "webhooks", webhooks.unsubscribe),
)
_MAP = Map(
    [Rule(f"/api/v4/{path}", methods=[method], endpoint=handler) for method, path, handler in ROUTES],
    strict_slashes=False,
)
_ADAPTER = _MAP.bind("sandbox")


def answer(call: Call) -> Response:
    """Route a call; its problems are answers too."""
    try:
        handler, arguments = _ADAPTER.match(call.request.path, method=call.request.method)
        with call.account.lock:
            response: Response = _run(handler, call, dict(arguments))
            return response
    except NotFound:
        return ApiError(404, f"Cannot {call.request.method} {call.root}{call.request.path}").response()
    except MethodNotAllowed:
        return ApiError(405, "Method not allowed").response()
    except ApiError as refused:
        return refused.response()


def _run(handler: Any, call: Call, arguments: dict[str, Any]) -> Response:
    return handler(call, **arguments)  # type: ignore[no-any-return]
