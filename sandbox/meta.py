"""A stand-in for Meta's Marketing API: ad accounts, what their ads cost by day, and refusals on demand."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .web.messages import Request, Response

TOKEN = "sandbox-meta-token"
DEFAULT_LIMIT, HIGHEST_LIMIT = 25, 500
# What Meta says with its commoner codes.
MESSAGES = {
    1: "An unknown error occurred",
    2: "Service temporarily unavailable",
    4: "Application request limit reached",
    10: "Application does not have permission for this action",
    17: "User request limit reached",
    100: "Invalid parameter",
    190: "Error validating access token: The session has been invalidated because the user changed their password.",
    200: "Ad account owner has NOT grant ads_management or ads_read permission",
    613: "Calls to this api have exceeded the rate limit.",
    2635: "You are calling a deprecated version of the Ads API. Please update to the latest version.",
    80000: "There have been too many calls from this ad-account. Please wait a bit and try again.",
}
TOO_MUCH = "Please reduce the amount of data you're asking for, then retry your request"


@dataclass
class AdAccount:
    """`rows` by day and ad id, as insights shows them."""

    id: str
    name: str
    currency: str
    timezone_name: str
    rows: dict[tuple[date, str], dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    code: int
    subcode: int | None
    message: str
    status: int
    minutes: int


@dataclass
class Meta:
    """`usage`: percent of the limits used up, as headers say. `most_days`: more at once are too much; None: any."""

    accounts: dict[str, AdAccount] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    usage: int = 0
    most_days: int | None = None
    most_rows: int | None = None
    next_host: str = "https://graph.facebook.com"
    _refusals: list[Refusal | None] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_account(
        self, act_id: str, *, name: str = "", currency: str = "USD", timezone_name: str = "Asia/Almaty"
    ) -> AdAccount:
        account = self.accounts[act_id] = AdAccount(act_id, name or f"Ads {act_id}", currency, timezone_name)
        return account

    def spend(
        self, act_id: str, day: date, ad_id: str, amount: str, *,
        campaign: str = "Campaign", ad_name: str = "", impressions: int = 1000, clicks: int = 10,
    ) -> None:  # fmt: skip
        """What the ad cost on that day. Said again it replaces; an empty amount: nothing was spent after all."""
        with self._lock:
            rows = self.accounts[act_id].rows
            if not amount:
                rows.pop((day, ad_id), None)
                return
            rows[day, ad_id] = {
                "ad_id": ad_id, "ad_name": ad_name or f"Ad {ad_id}", "campaign_name": campaign, "spend": amount,
                "impressions": str(impressions), "clicks": str(clicks),
                "account_currency": self.accounts[act_id].currency,
                "date_start": day.isoformat(), "date_stop": day.isoformat(),
            }  # fmt: skip

    def fail(
        self, code: int, *, times: int = 1, after: int = 0, subcode: int | None = None, message: str = "",
        status: int = 400, minutes: int = 0,
    ) -> None:  # fmt: skip
        """Refuse `times` requests, the first `after` that many good ones. `minutes`: until the limit is lifted."""
        refusal = Refusal(code, subcode, message or MESSAGES.get(code, "Error"), status, minutes)
        with self._lock:
            self._refusals += [None] * after + [refusal] * times

    def clear_faults(self) -> None:
        with self._lock:
            self._refusals.clear()
            self.usage, self.most_days, self.most_rows = 0, None, None

    def answer(self, request: Request) -> Response:
        """Any request below `/meta/v…`."""
        with self._lock:
            refusal = self._refusals.pop(0) if self._refusals else None
            response = self._refused(refusal) if refusal else self._found(request)
            minutes = refusal.minutes if refusal else 0
        if self.usage or minutes:
            response.headers |= self._usage_headers(minutes)
        return response

    def _found(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or request.query.get("access_token")
        if token not in self.tokens:
            return _error(190, MESSAGES[190], subcode=460, status=401)
        name, _, edge = request.path.rstrip("/").partition("/act_")[2].partition("/")
        account = self.accounts.get(name)
        if account is None:
            return _error(100, f"Unsupported get request. Object with ID 'act_{name}' does not exist", subcode=33)
        if edge == "insights":
            return self._insights(account, request)
        return Response.of(
            {"name": account.name, "currency": account.currency, "timezone_name": account.timezone_name,
             "id": f"act_{account.id}"}
        )  # fmt: skip

    def _insights(self, account: AdAccount, request: Request) -> Response:
        query = request.query
        try:
            span = json.loads(query["time_range"])
            first, last = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
            limit = min(int(query.get("limit") or DEFAULT_LIMIT), HIGHEST_LIMIT)
            offset = int(base64.urlsafe_b64decode(query.get("after") or b"MA==").decode())
        except (KeyError, ValueError, TypeError):
            return _error(100, "(#100) Invalid parameter")
        if query.get("level") != "ad" or query.get("time_increment") != "1" or last < first:
            return _error(100, "(#100) Invalid parameter")
        if self.most_days is not None and (last - first).days >= self.most_days:
            return _error(1, TOO_MUCH, subcode=99, status=500)
        if self.most_rows is not None and limit > self.most_rows:
            return _error(100, TOO_MUCH, subcode=1487534)
        rows = [row for (day, _ad), row in sorted(account.rows.items(), reverse=True) if first <= day <= last]
        shown = ("date_start", "date_stop", *query.get("fields", "").split(","))
        page = [{name: row[name] for name in shown if name in row} for row in rows[offset : offset + limit]]
        body: dict[str, Any] = {"data": page}
        if page:
            after = base64.urlsafe_b64encode(str(offset + limit).encode()).decode()
            body["paging"] = {"cursors": {"before": query.get("after") or "MA==", "after": after}}
            if offset + limit < len(rows):
                body["paging"]["next"] = f"{self.next_host}{request.path}?access_token={TOKEN}&after={after}"
        return Response.of(body)

    def _refused(self, refusal: Refusal) -> Response:
        return _error(refusal.code, refusal.message, subcode=refusal.subcode, status=refusal.status)

    def _usage_headers(self, minutes: int) -> dict[str, str]:
        percent = 100 if minutes else self.usage
        counter = {"type": "ads_insights", "call_count": percent, "total_cputime": 1, "total_time": 2}
        return {
            "x-business-use-case-usage": json.dumps({"77": [counter | {"estimated_time_to_regain_access": minutes}]}),
            "x-fb-ads-insights-throttle": json.dumps({"app_id_util_pct": 0, "acc_id_util_pct": percent}),
        }


def _error(code: int, message: str, *, subcode: int | None = None, status: int = 400) -> Response:
    kind = "OAuthException" if code in (1, 2, 4, 10, 17, 190, 200) else "FacebookApiException"
    body: dict[str, Any] = {"message": message, "type": kind, "code": code, "fbtrace_id": "AbCdEfGhIjK"}
    if subcode is not None:
        body["error_subcode"] = subcode
    return Response.of({"error": body}, status)
