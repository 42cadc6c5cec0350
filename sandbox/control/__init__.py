"""The control API: everything that can be done to the sandbox, over HTTP, for tests in other processes and the board.

JSON in, JSON out; `account` (id or subdomain, default `demo`) is a query parameter everywhere.

    GET    /_sandbox/state                    account, pipelines, deals (`limit`, newest first), hooks, deliveries,
                                              messages, faults, switches, counts, max_in_any_second
    GET    /_sandbox/accounts                 POST {subdomain, pipelines?: {name: [stages]}, …profile}
    PATCH  /_sandbox/account                  {is_api_filter_enabled, is_paid, has_webhooks, …}
    POST   /_sandbox/pipelines                {name, stages}
    GET    /_sandbox/deals/{id}
    POST   /_sandbox/deals                    {name, price, pipeline_id, status_id, phone, contact_name, utm, fields,
                                              tags, created_at, silent}
    PATCH  /_sandbox/deals/{id}               {status_id, pipeline_id, price, name, fields, tags, at, silent}
    POST   /_sandbox/deals/{id}/{win|lose|delete|restore}     {price?, silent}
    POST   /_sandbox/deals/{id}/merge         {merged_id, silent}: the other deal goes into this one
    POST   /_sandbox/unsorted                 {name, phone, utm, pipeline_id, silent}
    POST   /_sandbox/unsorted/{id}/{accept|decline}           {status_id?, silent}
    POST   /_sandbox/contacts                 {name, phone, deal_id?, silent}
    POST   /_sandbox/contacts/{id}/phone      {phone, silent}
    POST   /_sandbox/contacts/{id}/delete     {silent}
    POST   /_sandbox/seed                     {deals, seed, days, with_events}, or {demo: true}
    GET    /_sandbox/hooks                    POST {destination, settings, is_short}; PATCH {destination, disabled}
    GET    /_sandbox/deliveries               newest first, `limit`
    POST   /_sandbox/deliveries/{wait|release|retry}          {timeout, retries}
    POST   /_sandbox/send                     {destination, body}: any body, by the courier
    GET    /_sandbox/faults                   POST {kind, times, prefix, method, status, html, retry_after, seconds};
                                              DELETE clears all, with `kind` the API's of that kind. PATCH
                                              {lose_next: 1, …} is for the hooks
    GET    /_sandbox/switches                 PATCH {name: value}
    GET    /_sandbox/requests                 `kind`, `limit`; with counts and max_in_any_second; DELETE forgets
    GET    /_sandbox/messages                 DELETE forgets; POST {status, times, retry_after} refuses the next ones
    POST   /_sandbox/token                    {kind: pair|long_lived, client_id}; POST /_sandbox/code → {code}
    POST   /_sandbox/client                   {client_id, client_secret, name, redirect_uri, disable_url}
    POST   /_sandbox/revoke                   {client_id, notify}: as an admin disabling the integration; `notify`
                                              (default true) sends the signed GET to its disable_url
    POST   /_sandbox/block · /lift            403 from now on · no more
    POST   /_sandbox/clock                    {advance: seconds}
    POST   /_sandbox/reset                    faults, switches' rate block, deliveries, requests, messages
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from sandbox.crm.fields import UnknownFieldError
from sandbox.sandbox import Sandbox
from sandbox.web.messages import BadJsonError, Request, Response

from . import accounts, contents, faults, records
from .order import Order

ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", "state", records.state),
    ("GET", "accounts", accounts.accounts),
    ("POST", "accounts", accounts.add_account),
    ("PATCH", "account", accounts.change_account),
    ("POST", "pipelines", contents.add_pipeline),
    ("POST", "deals", contents.create_deal),
    ("GET", "deals/<int:deal_id>", contents.read_deal),
    ("PATCH", "deals/<int:deal_id>", contents.change_deal),
    ("POST", "deals/<int:deal_id>/<any(win, lose, delete, restore):action>", contents.act_on_deal),
    ("POST", "deals/<int:deal_id>/merge", contents.merge_deal),
    ("POST", "unsorted", contents.add_unsorted),
    ("POST", "unsorted/<int:deal_id>/<any(accept, decline):action>", contents.settle_unsorted),
    ("POST", "contacts", contents.create_contact),
    ("POST", "contacts/<int:contact_id>/phone", contents.add_phone),
    ("POST", "contacts/<int:contact_id>/delete", contents.delete_contact),
    ("POST", "seed", contents.seed),
    ("GET", "hooks", contents.list_hooks),
    ("POST", "hooks", contents.subscribe),
    ("PATCH", "hooks", contents.change_hook),
    ("GET", "deliveries", records.deliveries),
    ("POST", "deliveries/<any(wait, release, retry):action>", records.act_on_deliveries),
    ("POST", "send", records.send),
    ("GET", "faults", faults.list_faults),
    ("POST", "faults", faults.arm_fault),
    ("PATCH", "faults", faults.set_hook_faults),
    ("DELETE", "faults", faults.clear_faults),
    ("GET", "switches", faults.list_switches),
    ("PATCH", "switches", faults.set_switches),
    ("GET", "requests", records.requests),
    ("DELETE", "requests", records.forget_requests),
    ("GET", "messages", records.messages),
    ("POST", "messages", records.refuse_messages),
    ("DELETE", "messages", records.forget_messages),
    ("POST", "token", accounts.make_token),
    ("POST", "code", accounts.make_code),
    ("POST", "client", accounts.register_client),
    ("POST", "revoke", accounts.revoke),
    ("POST", "block", faults.block),
    ("POST", "lift", faults.lift),
    ("POST", "clock", faults.advance),
    ("POST", "reset", records.reset),
)
_MAP = Map(
    [Rule(f"/_sandbox/{path}", methods=[method], endpoint=handler) for method, path, handler in ROUTES],
    strict_slashes=False,
)
_ADAPTER = _MAP.bind("sandbox")
UNLOCKED = (records.act_on_deliveries, accounts.revoke)
"""What waits for others, and so must not keep them from working."""


def control(crm: Sandbox, request: Request) -> Response:
    """Answer one control request: 400 with `detail` for what makes no sense, 404 for what is not there."""
    try:
        handler, arguments = _ADAPTER.match(request.path, method=request.method)
        data = request.json() if request.body else {}
        if not isinstance(data, dict):
            raise ValueError("a JSON object, please")
        order = Order(crm, request, data)
        if handler in UNLOCKED:
            answer = handler(order, **arguments)
        else:
            with crm.lock:
                answer = handler(order, **arguments)
    except NotFound:
        return Response.of({"detail": f"no {request.path}"}, 404)
    except MethodNotAllowed:
        return Response.of({"detail": "method not allowed"}, 405)
    except KeyError as missing:
        return Response.of({"detail": f"no {missing.args[0]}"}, 404)
    except (BadJsonError, UnknownFieldError, ValueError, TypeError) as wrong:
        return Response.of({"detail": str(wrong)}, 400)
    if request.method != "GET":
        crm.on_change()
    return Response.of(answer)
