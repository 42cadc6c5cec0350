"""Takes every request to the part that answers it, through faults, rate and record."""

from __future__ import annotations

import time
import uuid

from sandbox.control import control
from sandbox.faults import AFTER, Fault
from sandbox.limits import Seen
from sandbox.rest import routes
from sandbox.rest.call import Call
from sandbox.rest.problems import page, problem
from sandbox.sandbox import Sandbox

from . import board, oauth_pages
from .messages import BadJsonError, Request, Response


class App:
    """The sandbox as something that answers requests."""

    def __init__(self, crm: Sandbox) -> None:
        self._crm = crm

    def answer(self, request: Request) -> Response:
        """Any request at all."""
        path = request.path
        if path.startswith("/api/"):
            return self._recorded("api", request)
        if path.startswith("/oauth2/"):
            return self._recorded("oauth", request)
        if path.startswith(("/telegram/bot", "/bot")):
            return self._recorded("telegram", request)
        if path.startswith("/meta/"):
            return self._recorded("meta", request)
        if path.startswith("/_sandbox"):
            return control(self._crm, request)
        if path.rstrip("/") in ("/oauth", "/oauth/decide"):
            return oauth_pages.consent(self._crm, request)
        return board.asset(path)

    def _recorded(self, kind: str, request: Request) -> Response:
        account_id, client_id = self._caller(kind, request)
        seen = Seen(request.at, request.method, request.target, kind, account_id, client_id)
        self._crm.journal.add(seen)
        fault = self._crm.faults.striking(request.method, request.path) if kind != "telegram" else None
        response = self._struck(kind, request, fault, account_id, client_id)
        cut = response.fault is not None and response.fault.kind in ("reset", "hang", "lose_answer")
        seen.status = 0 if cut else response.status
        seen.milliseconds = round((time.monotonic() - request.at) * 1000, 2)
        response.headers["X-Request-Id"] = str(uuid.uuid4())
        return response

    def _struck(
        self, kind: str, request: Request, fault: Fault | None, account_id: int, client_id: str
    ) -> Response:  # fmt: skip
        if fault is None:
            return self._within_rate(kind, request, account_id, client_id)
        if fault.kind in ("latency", "hang"):
            time.sleep(fault.seconds)
        if fault.kind in ("reset", "hang"):
            return Response(0, fault=fault)
        if fault.kind == "empty":
            return Response(200)
        if fault.kind == "status":
            make = page if fault.html else problem
            return make(fault.status, retry_after=fault.retry_after)
        response = self._within_rate(kind, request, account_id, client_id)
        response.fault = fault if fault.kind in AFTER else None
        return response

    def _within_rate(self, kind: str, request: Request, account_id: int, client_id: str) -> Response:
        crm = self._crm
        if kind == "telegram":
            return self._telegram(request)
        if kind == "meta":
            return crm.meta.answer(request)
        if kind == "api" and crm.limits.is_blocked(account_id, client_id):
            return page(403) if crm.switches.too_many_as_html else problem(403)
        if account_id and not crm.limits.admits(account_id, client_id, request.at):
            seconds = crm.switches.retry_after
            return (
                page(429, retry_after=seconds) if crm.switches.too_many_as_html else problem(429, retry_after=seconds)
            )
        if kind == "oauth":
            return oauth_pages.tokens(crm, request)
        account = crm.accounts.get(account_id)
        if account is None or crm.oauth.holder(_bearer(request)) is None:
            return problem(401)
        if not account.profile.is_paid:
            return problem(402)
        response = routes.answer(Call(account, request, crm.oauth))
        if request.method != "GET":
            crm.on_change()
        return response

    def _caller(self, kind: str, request: Request) -> tuple[int, str]:
        """(account id, client id), of a token that is no good any more too; 0 where nobody can tell."""
        oauth = self._crm.oauth
        if kind == "api":
            token = oauth.access.get(_bearer(request))
            return (token.account_id, token.client_id) if token is not None else (0, "")
        if kind == "oauth" and request.is_json:
            try:
                data = request.json()
            except BadJsonError:
                return 0, ""
            if isinstance(data, dict):
                code = oauth.codes.get(str(data.get("code")))
                refresh = oauth.refresh.get(str(data.get("refresh_token")))
                account_id = code.account_id if code else refresh.account_id if refresh else 0
                return account_id, str(data.get("client_id") or "")
        return 0, ""

    def _telegram(self, request: Request) -> Response:
        token, _, method = request.path.partition("/bot")[2].partition("/")
        if method.lower() != "sendmessage":
            return Response.of({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
        try:
            fields = request.json() if request.is_json else request.form or request.query
        except BadJsonError:
            fields = {}
        status, body = self._crm.telegram.send_message(token, fields if isinstance(fields, dict) else {})
        return Response.of(body, status)


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()
