"""One request to amoCRM, with all that belongs to it: a slot, a token, a few retries, and what a refusal means."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any

import requests
import structlog

from integrations.amocrm.answers import blocked, error_of, payload_of, retry_after_of
from integrations.amocrm.errors import AmoCRMError, Outage, RateLimited
from integrations.amocrm.http import outage, thread_session
from integrations.amocrm.pacing import PATIENCE, Priority, ProbeDue
from integrations.amocrm.rate import Bucket, Slot
from integrations.amocrm.tokens import Tokens
from integrations.http import NETWORK_ERRORS, Bearer
from leads.told import told

logger = structlog.get_logger(__name__)

ACCOUNT = "/api/v4/account"
TRIES = 3
# Trying again at once helps against a broken connection, not against one that hangs until a timeout.
_QUICK_SECONDS = 3.0
_NUMBER = re.compile(r"\d+$")
# Of each kind of request, how long its quickest answer took. The way there is no more than half of that: the other half
# is amoCRM's work and the way back.
_quickest: dict[tuple[str, str, str], float] = {}


class Caller:
    """Speaks to one account's host. `requests_made` counts what left for the API, retries and probes included;
    `answered_in` is how many seconds the last answer took, the wait for its slot not included."""

    def __init__(
        self,
        tokens: Tokens,
        *,
        priority: Priority = Priority.LIVE,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        self._before_request = before_request
        self.requests_made = 0
        self.answered_in = 0.0
        self._tokens = tokens
        self._bucket = Bucket(tokens.host, priority=priority)

    def call(
        self, method: str, path: str, *, params: dict[str, Any] | None = None, body: Any = None, repeatable: bool = True
    ) -> Any:
        """The JSON that amoCRM answers; None for 204.

        :param repeatable: False where a lost answer must not be followed by a second request.
        :raises ConditionError: the connection's trouble, after a few tries.
        :raises RequestError: amoCRM refuses this request.
        """
        for attempt in range(1, TRIES + 1):
            began = time.monotonic()
            try:
                return self._authorised(method, path, params, body)
            except (Outage, RateLimited) as error:
                is_quick = time.monotonic() - began < _QUICK_SECONDS or isinstance(error, RateLimited)
                if attempt == TRIES or not is_quick or not _is_worth_waiting(error, repeatable=repeatable):
                    raise
                if isinstance(error, Outage):
                    time.sleep(random.uniform(0.2, 0.5) * 2**attempt)  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    def _authorised(self, method: str, path: str, params: dict[str, Any] | None, body: Any) -> Any:
        response = self._send_with_a_token(method, path, params, body)
        if _says_elsewhere(response) and self._has_moved(response, path):
            response = self._send_with_a_token(method, path, params, body)
        if response.status_code == 403:
            self._explain_403(response, method, path)
        if response.status_code == 429:
            raise self._back_off(response, method, path)
        return payload_of(response, method, path)

    def _send_with_a_token(self, method: str, path: str, params: dict[str, Any] | None, body: Any) -> requests.Response:
        token, response = self._send_on_slot(method, path, params, body)
        if response.status_code == 401:
            self._tokens.renewed(token)
            token, response = self._send_on_slot(method, path, params, body)
            if response.status_code == 401:
                raise self._tokens.dead(token)
        return response

    def _send_on_slot(
        self, method: str, path: str, params: dict[str, Any] | None, body: Any
    ) -> tuple[str, requests.Response]:
        """The token that was sent, and the answer. A token is read after its slot has come: while we slept, another
        process may have renewed it, and followed the account to another host, where another bucket counts."""
        while True:
            if self._tokens.usable() is None:
                self._tokens.renewed()
            if self._bucket.host != self._tokens.host:
                self._bucket = Bucket(self._tokens.host, priority=self._bucket.priority)
            kind = (self._tokens.host, f"{method} {_NUMBER.sub('', path)}", str((params or {}).get("limit")))
            slot = self._take_slot(path)
            least = _quickest.get(kind, 0.0)
            try:
                token = self._tokens.usable()
                if token is not None and self._bucket.host == self._tokens.host:
                    response = self._send(method, path, params, body, token)
                    if response.status_code == 200:
                        _quickest[kind] = min(self.answered_in, least or self.answered_in)
                    return token, response
            finally:
                self._bucket.done(slot, least=least / 2)

    def _take_slot(self, path: str) -> Slot:
        if path == ACCOUNT:
            return self._bucket.take(is_probe=True)
        try:
            return self._bucket.take()
        except ProbeDue:
            self._probe()
            return self._bucket.take()

    def _probe(self) -> None:
        """Ask by `GET /account`, open to everyone, whether amoCRM answers us at all.

        :raises Blocked: it does not, and the bucket is stopped.
        """
        self._authorised("GET", ACCOUNT, None, None)

    def _send(self, method: str, path: str, params: dict[str, Any] | None, body: Any, token: str) -> requests.Response:
        self._before_request()
        self.requests_made += 1
        began = time.monotonic()
        try:
            response = thread_session().request(
                method, f"https://{self._tokens.host}{path}", params=params, json=body, auth=Bearer(token)
            )
        except NETWORK_ERRORS as error:
            logger.warning(
                "amocrm_no_answer", host=self._tokens.host, method=method, path=path, error=type(error).__name__
            )
            raise outage(error, method, path) from None
        self.answered_in = time.monotonic() - began
        said = logger.debug if response.status_code < 300 else logger.warning
        said(
            "amocrm_request",
            host=self._tokens.host,
            method=method,
            path=path,
            status=response.status_code,
            milliseconds=round(1000 * self.answered_in),
            amocrm_request_id=response.headers.get("X-Request-Id", "")[:100],
        )
        if path == ACCOUNT and response.status_code < 300:
            self._bucket.unblock()
        return response

    def _has_moved(self, response: requests.Response, path: str) -> bool:
        """A 404 is said of one thing, or of all where the account was renamed; `GET /account` tells which.

        :raises Outage: the account is not here, and nobody says where it is.
        """
        if path == ACCOUNT:
            if self._tokens.followed():
                return True
            status = response.status_code
            raise Outage(told("amoCRM knows no account at this address."), method="GET", path=ACCOUNT, status=status)
        host = self._tokens.host
        self._probe()
        return self._tokens.host != host

    def _explain_403(self, response: requests.Response, method: str, path: str) -> None:
        """A 403 is either a block or a want of rights; `GET /account` tells which."""
        if path == ACCOUNT:
            self._bucket.block()
            raise blocked(response, method, path)
        self._probe()
        error = error_of(response, method, path)
        error.detail = f"{told('The amoCRM user who connected us has no right to do this.')} {error.detail}"
        raise error

    def _back_off(self, response: requests.Response, method: str, path: str) -> AmoCRMError:
        error = error_of(response, method, path)
        told = retry_after_of(response)
        # amoCRM mostly says nothing about how long; jitter, so that not all come back in the same instant.
        self._bucket.pause(random.uniform(1.0, 2.0) if told is None else told + random.uniform(0.0, 0.3))  # noqa: S311
        return error


def _says_elsewhere(response: requests.Response) -> bool:
    return response.status_code == 404 or 300 <= response.status_code < 400


def _is_worth_waiting(error: Outage | RateLimited, *, repeatable: bool) -> bool:
    if isinstance(error, RateLimited):  # refused, so never done: any request may be repeated
        return (error.retry_after or 0.0) <= PATIENCE
    return repeatable
