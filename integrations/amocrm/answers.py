"""What amoCRM's answers mean: a payload, nothing, or an error. Bodies may be JSON, HTML, cut short or empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
import requests

from integrations.amocrm.errors import AmoCRMError, Blocked, Outage, RateLimited, RequestError, Unpaid
from integrations.amocrm.values import text_of
from leads.told import told

_LONGEST_RETRY_AFTER = 3600.0


def payload_of(response: requests.Response, method: str, path: str) -> Any:
    """The JSON of a success; None for 204, and where nothing was asked for an empty body.

    401 and 403 are the caller's to tell apart; here they are RequestErrors like the other refusals.

    :raises AmoCRMError: of the kind that the status says.
    """
    status = response.status_code
    if status >= 300:
        raise error_of(response, method, path)
    # An empty page would else be a list's end, and an empty deal one that is gone.
    if status == 204 or (method != "GET" and not response.content.strip()):
        return None
    try:
        return _parsed(response.content)
    except (ValueError, RecursionError):
        raise Outage(
            told("amoCRM answered with something that is no JSON."), **_about(response, method, path)
        ) from None


def error_of(response: requests.Response, method: str, path: str) -> AmoCRMError:
    """The error that a status of 300 and above says."""
    status = response.status_code
    about = _about(response, method, path)
    if status == 402:
        return Unpaid(f"{told('The amoCRM account is not paid.')} {words_of(response)}".strip(), **about)
    if status == 429:
        seconds = retry_after_of(response)
        return RateLimited(told("amoCRM asks for fewer requests."), retry_after=seconds, **about)
    if status >= 500 or status in (408, 425):
        return Outage(f"{told('amoCRM is in trouble.')} {words_of(response)}".strip(), **about)
    if status < 400:
        return Outage(told("amoCRM sends elsewhere instead of answering."), **about)
    return RequestError(
        words_of(response) or told("amoCRM refused the request (%(status)s).") % {"status": status}, **about
    )


def blocked(response: requests.Response, method: str, path: str) -> Blocked:
    """The error of a 403 to what is open to everyone. Mostly it is HTML; of an address that the account's own list of
    allowed ones lacks amoCRM says so."""
    detail = f"{told('amoCRM blocks our requests.')} {words_of(response)}".strip()
    return Blocked(detail, **_about(response, method, path))


def words_of(response: requests.Response) -> str:
    """What a JSON error body says, in one line: hint, detail, what was invalid. HTML says nothing to people."""
    body = _dict_of(response)
    told = [text_of(body.get(key)) for key in ("hint", "detail")]
    told = [text for text in told if text] or [text_of(body.get("title"))]
    said = (text.strip() for text in (*told, *islice(_complaints(body), 5)))
    # amoCRM ends none of them, and other sentences of ours follow.
    return " ".join(text if text[-1] in ".!?" else f"{text}." for text in said if text)[:500]


def title_of(response: requests.Response) -> str:
    """The title of a JSON error body: what kind of error it is."""
    return text_of(_dict_of(response).get("title"))


def hint_of(response: requests.Response) -> str:
    """What the token endpoint says of an error beyond its title; mostly in English, whatever else it speaks."""
    return text_of(_dict_of(response).get("hint"))


def retry_after_of(response: requests.Response) -> float | None:
    """Seconds to wait, from the header or the body; None where amoCRM says nothing that can be understood."""
    told = (response.headers.get("Retry-After"), _dict_of(response).get("retry_after"))
    for value in told:
        try:
            seconds = float(value) if isinstance(value, str | int | float) else -1.0
        except ValueError:  # a date, or nonsense
            continue
        if seconds > 0:  # "at once" is what a full bucket cannot mean
            return min(seconds, _LONGEST_RETRY_AFTER)
    return None


def _complaints(body: dict[str, Any]) -> Iterator[str]:
    for entry in body.get("validation-errors") or []:
        for error in (entry.get("errors") if isinstance(entry, dict) else None) or []:
            if isinstance(error, dict):
                yield f"{text_of(error.get('path'))}: {text_of(error.get('detail'))}"


def _parsed(body: bytes) -> Any:
    """Quickly, as it is a big part of reading a page of 250; what that reader finds too odd Python's may still take."""
    try:
        return orjson.loads(body)
    except ValueError:
        return json.loads(body)


def _dict_of(response: requests.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _about(response: requests.Response, method: str, path: str) -> dict[str, Any]:
    return {
        "method": method,
        "path": path,
        "status": response.status_code,
        "request_id": response.headers.get("X-Request-Id", "")[:100],
    }
