"""amoCRM's consent page and token endpoint."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import urlencode, urlsplit

from sandbox.oauth import OAuthRefusedError
from sandbox.rest.problems import problem
from sandbox.sandbox import Sandbox

from .board import template
from .messages import PROBLEM, BadJsonError, Request, Response

PLATFORMS = {"ru": "1", "com": "2"}


def consent(crm: Sandbox, request: Request) -> Response:
    """GET /oauth shows the page, POST /oauth/decide sends the browser back to the integration.

    `GET /oauth?…&decision=allow` decides at once, for tests without a browser. `redirect_uri`, where amoCRM has
    none, is for an integration whose address is not registered yet.
    """
    given = request.form if request.method == "POST" else request.query
    client = crm.oauth.clients.get(given.get("client_id", ""))
    if client is None:
        return Response.html("<h1>Integration not found</h1>", 404)
    if given.get("redirect_uri") and client.redirect_uri is None:
        client.redirect_uri = given["redirect_uri"]
    decision = given.get("decision")
    if decision not in ("allow", "deny"):
        return _page(crm, client.name, given, client.redirect_uri)
    address = given.get("redirect_uri") or client.redirect_uri
    if not address:
        return Response.html("<h1>The integration has no redirect address</h1>", 400)
    if decision == "allow":
        client.redirect_uri = client.redirect_uri or address
    try:
        back = _back(crm, given, client.redirect_uri or address, decision)
    except KeyError:
        return Response.html("<h1>Account not found</h1>", 404)
    if given.get("has_opener"):
        return Response.html(f"<script>opener.location={json.dumps(back)};close()</script>")
    return Response.redirect(back)


def tokens(crm: Sandbox, request: Request) -> Response:
    """POST /oauth2/access_token, GET /oauth2/account/current/subdomain and its older name."""
    path = request.path.rstrip("/")
    if path == "/oauth2/access_token" and request.method == "POST":
        return _exchange(crm, request)
    if path == "/oauth2/account/current/subdomain" and request.method == "GET":
        return _subdomain(crm, crm.oauth.account_of_refresh(request.headers.get("x-refresh-token", "")))
    if path == "/oauth2/account/subdomain" and request.method == "GET":
        holder = crm.oauth.holder(request.headers.get("authorization", "").removeprefix("Bearer "))
        return _subdomain(crm, holder.account_id if holder else None)
    return problem(404, f"Cannot {request.method} {request.path}")


def _exchange(crm: Sandbox, request: Request) -> Response:
    try:
        if request.is_json:
            data = request.json()
        elif crm.switches.token_accepts_form:
            data = request.form
        else:
            raise OAuthRefusedError(401)
        if not isinstance(data, dict):
            raise OAuthRefusedError(400, "Check the request parameters")
        with crm.lock:
            pair = crm.oauth.exchange(data)
    except BadJsonError:
        refused = OAuthRefusedError(400, "Check the request parameters")
        return Response.of(refused.body, 400, PROBLEM)
    except OAuthRefusedError as refused:
        return Response.of(refused.body, refused.status, PROBLEM)
    crm.on_change()
    return Response.of(pair.as_json())


def _subdomain(crm: Sandbox, account_id: int | None) -> Response:
    account = crm.accounts.get(account_id or 0)
    if account is None:
        return problem(401)
    profile = account.profile
    return Response.of(
        {
            "id": profile.id, "subdomain": profile.subdomain, "domain": profile.host,
            "top_level_domain": profile.domain.rpartition(".")[2],
        }
    )  # fmt: skip


def _back(crm: Sandbox, given: dict[str, str], address: str, decision: str) -> str:
    query: dict[str, str] = {}
    if decision == "allow":
        account = crm.account(given.get("account") or crm.demo.id)
        profile = account.profile
        query["code"] = crm.oauth.code_for(given["client_id"], account.id)
        query["referer"] = profile.host
        query["platform"] = PLATFORMS.get(profile.domain.rpartition(".")[2], "1")
    else:
        query["error"] = "access_denied"
    if given.get("state"):
        query["state"] = given["state"]
    query["client_id"] = given["client_id"]
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def _page(crm: Sandbox, name: str, given: dict[str, str], redirect_uri: str | None) -> Response:
    options = "".join(
        f'<option value="{account.id}">{escape(account.profile.name)} — {escape(account.profile.host)}</option>'
        for account in crm.accounts.values()
    )
    address = escape(redirect_uri or "http://127.0.0.1:8000/amocrm/callback")
    asks = (
        f'<label>Redirect address of the integration<input name="redirect_uri" type="url" required value="{address}">'
        "<small>amoCRM knows it from the integration's settings; the sandbox learns it once.</small></label>"
    )
    page = template("consent.html")
    for mark, text in (
        ("{{name}}", escape(name)), ("{{options}}", options), ("{{client_id}}", escape(given["client_id"])),
        ("{{state}}", escape(given.get("state", ""))), ("{{redirect}}", "" if redirect_uri else asks),
        ("{{mode}}", escape(given.get("mode", ""))),
    ):  # fmt: skip
        page = page.replace(mark, text)
    return Response.html(page)
