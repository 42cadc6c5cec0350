"""Speaking with Meta's Marketing API: an ad account's facts, and what its ads cost by day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import requests
from django.conf import settings

from integrations import http
from integrations.http import Bearer, BoundedSession
from integrations.meta.errors import MetaError, Outage, TokenDead, TooMuch, error_of
from integrations.meta.rows import FIELDS, AdDay, ad_day
from integrations.meta.usage import Usage, usage_of
from integrations.models import MetaAdAccount
from leads.told import told


@dataclass(frozen=True, slots=True)
class Facts:
    """`timezone`: an IANA name, or empty where Meta's is none that we know."""

    name: str
    currency: str
    timezone: str


class MetaClient:
    """Of one ad account. `usage` is what the last answer said of Meta's limits."""

    def __init__(self, ad_account: MetaAdAccount) -> None:
        self._path = f"act_{ad_account.act_id}"
        self._token = ad_account.access_token or settings.META_ADS_TOKEN
        self._session = BoundedSession()
        self._requests = 0
        self.usage = Usage()

    def close(self) -> None:
        self._session.close()

    def take_requests(self) -> int:
        """How many requests have left since this was asked last."""
        made, self._requests = self._requests, 0
        return made

    def facts(self) -> Facts:
        """:raises MetaError: one of its kinds."""
        body = self._get(self._path, {"fields": "name,currency,timezone_name"})
        currency = str(body.get("currency") or "").upper()
        if len(currency) != 3:
            raise Outage(told("Meta's answer cannot be read."))
        return Facts(str(body.get("name") or "")[:300], currency, _known_zone(body.get("timezone_name")))

    def insights(self, first: date, last: date, page_size: int) -> list[AdDay]:
        """What each ad cost on each of these days, both inclusive; ads that cost nothing are not in it.

        :raises TooMuch: Meta cannot answer for so many days or so many rows on a page.
        :raises MetaError: one of its other kinds.
        """
        query = {
            "level": "ad",
            "time_increment": "1",
            "time_range": json.dumps({"since": first.isoformat(), "until": last.isoformat()}),
            "fields": ",".join(FIELDS),
            "limit": str(page_size),
        }
        rows: list[AdDay] = []
        seen: set[str] = set()
        while True:
            body = self._get(f"{self._path}/insights", query)
            rows += [ad_day(row, first, last) for row in _list(body.get("data"))]
            after = _cursor(body)
            if after is None:
                return rows
            if after in seen:
                raise Outage(told("Meta's pages go round in a circle."))
            seen.add(after)
            query["after"] = after

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        if not self._token:
            raise TokenDead(told("There is no token: give the ad account one, or set META_ADS_TOKEN."))
        self._requests += 1
        try:
            response = self._session.get(f"{settings.META_API_URL}/{path}", params=query, auth=Bearer(self._token))
        except http.NETWORK_ERRORS as error:
            raise _no_answer(error) from None  # the original shows the request, and that the token
        self.usage = usage_of(response.headers)
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if response.status_code != 200 or (isinstance(body, dict) and "error" in body):
            raise self._without_token(error_of(response.status_code, body, self.usage))
        if not isinstance(body, dict):
            raise Outage(told("Meta's answer cannot be read."))
        return body

    def _without_token(self, error: MetaError) -> MetaError:
        error.detail = error.detail.replace(self._token, "…")
        return error


def _cursor(body: dict[str, Any]) -> str | None:
    """Where the next page begins. `next` only says that there is one: an address from outside is never followed."""
    paging = body.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if not isinstance(after, str) or not after:
        raise Outage(told("Meta's answer cannot be read."))
    return after


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise Outage(told("Meta's answer cannot be read."))
    return data


def _known_zone(name: Any) -> str:
    try:
        return str(ZoneInfo(str(name)))
    except (ValueError, KeyError, OSError):
        return ""


def _no_answer(error: Exception) -> MetaError:
    if isinstance(error, requests.ConnectTimeout):
        return Outage(told("Meta cannot be reached: connecting takes too long."))
    if isinstance(error, requests.Timeout):
        # What takes too long for all of it may be quick for a part.
        return TooMuch(told("Meta does not answer in time."))
    return Outage(told("The connection to Meta failed or broke off."))
