"""amoCRM's OAuth: the consent address and the token endpoint, by requests-oauthlib with amoCRM's deviations."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from django.conf import settings
from django.utils import timezone
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

from integrations.amocrm.answers import blocked, error_of, hint_of, retry_after_of, title_of, words_of
from integrations.amocrm.errors import Outage, RateLimited, RequestError
from integrations.amocrm.http import AmoSession, outage
from integrations.amocrm.rate import Bucket
from integrations.http import NETWORK_ERRORS
from leads.told import told

PATH = "/oauth2/access_token"
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_PAUSE_SECONDS = 1.5
# What it answers where it is our own settings that it refuses: a title, or among its invalid requests a hint, such as
# "Check the `client_secret` parameter" and "Redirect URI is not associated with client".
_WRONG_CLIENT = ("Некорректный клиент", "Invalid client")
_OUR_SETTINGS = re.compile(r"client_id|client_secret|redirect[ _]uri", re.IGNORECASE)

# They log whole token requests and answers, for whoever turns debugging on.
for _name in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What the token endpoint answers. A long-lived token has no `refresh_token` and may have no known end."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None


class TokenRefused(RequestError):
    """The token endpoint refuses the code or the refresh token (400, 401, 404)."""


class ClientRefused(TokenRefused):
    """It refuses our client id, secret or redirect URI, and has not looked at the code or refresh token."""


def consent_url(state: str) -> str:
    """Where a person allows us in."""
    query = {"client_id": settings.AMOCRM_CLIENT_ID, "state": state, "mode": "popup"}
    joint = "&" if "?" in settings.AMOCRM_AUTH_URL else "?"
    return f"{settings.AMOCRM_AUTH_URL}{joint}{urlencode(query)}"


def exchange_code(host: str, code: str) -> TokenPair:
    """The first pair for an authorisation code.

    :raises TokenRefused: for a used or expired code, or a wrong client.
    :raises ConditionError: amoCRM is out of reach or limits us.
    """

    def fetch(session: OAuth2Session) -> dict[str, Any]:
        token: dict[str, Any] = session.fetch_token(
            f"https://{host}{PATH}",
            code=code,
            client_secret=settings.AMOCRM_CLIENT_SECRET,
            include_client_id=True,
            headers=dict(_JSON),
        )
        return token

    return _request(host, fetch)


def refresh(host: str, refresh_token: str) -> TokenPair:
    """The next pair. The refresh token is dead afterwards, also when the answer is lost. Raises as `exchange_code`."""

    def fetch(session: OAuth2Session) -> dict[str, Any]:
        token: dict[str, Any] = session.refresh_token(
            f"https://{host}{PATH}",
            refresh_token=refresh_token,
            client_id=settings.AMOCRM_CLIENT_ID,
            client_secret=settings.AMOCRM_CLIENT_SECRET,
            redirect_uri=settings.AMOCRM_REDIRECT_URI,
            headers=dict(_JSON),
        )
        return token

    return _request(host, fetch)


class _JsonSession(AmoSession):
    """amoCRM takes its token requests as JSON; a form is a 401 there. (oauthlib's hooks reach only one of the two.)"""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        data = kwargs.pop("data", None)
        return super().request(method, url, *args, data=json.dumps(data) if isinstance(data, dict) else data, **kwargs)


class _TokenSession(OAuth2Session, _JsonSession):
    pass


def _request(host: str, fetch: Any) -> TokenPair:
    bucket = Bucket(host)
    with _TokenSession(client_id=settings.AMOCRM_CLIENT_ID, redirect_uri=settings.AMOCRM_REDIRECT_URI) as session:
        for hook in ("access_token_response", "refresh_token_response"):
            session.register_compliance_hook(hook, lambda response: _checked(response, bucket))
        try:
            # A token may have run out during a block: then this request, and not one that needs it, tests the block.
            slot = bucket.take(is_probe=True)
            try:
                token = fetch(session)
            finally:
                bucket.done(slot)
        except NETWORK_ERRORS as error:
            raise outage(error, "POST", PATH) from None
        except OAuth2Error:
            raise Outage(told("amoCRM's token endpoint answered without tokens."), method="POST", path=PATH) from None
    bucket.unblock()
    expires_at = timezone.now() + timedelta(seconds=float(token["expires_in"]))
    return TokenPair(token["access_token"], token["refresh_token"], expires_at)


def _is_about_us(response: requests.Response) -> bool:
    return title_of(response) in _WRONG_CLIENT or bool(_OUR_SETTINGS.search(hint_of(response)))


def _checked(response: requests.Response, bucket: Bucket) -> requests.Response:
    """The answer, if it is a pair of tokens. oauthlib looks at no status."""
    if response.status_code == 429:
        seconds = retry_after_of(response)
        bucket.pause(_PAUSE_SECONDS if seconds is None else seconds)
        raise RateLimited(
            told("amoCRM asks for fewer requests."), method="POST", path=PATH, status=429, retry_after=seconds
        )
    if response.status_code == 403:
        bucket.block()
        raise blocked(response, "POST", PATH)
    if response.status_code in (400, 401, 404):
        request_id = response.headers.get("X-Request-Id", "")[:100]
        reason = words_of(response) or told("amoCRM refuses the authorisation.")
        refused = ClientRefused if _is_about_us(response) else TokenRefused
        raise refused(reason, method="POST", path=PATH, status=response.status_code, request_id=request_id)
    if response.status_code != 200:
        raise error_of(response, "POST", PATH)
    try:
        token = json.loads(response.content)
        complete = all(isinstance(token[key], str) and token[key] for key in ("access_token", "refresh_token"))
        complete = complete and 0 < int(token["expires_in"]) < 10**9
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        complete = False
    if not complete:
        raise Outage(told("amoCRM's token endpoint answered without tokens."), method="POST", path=PATH, status=200)
    return response
