"""One message to Telegram, and what its answer means. The bot's token is in the address, so no error shows that."""

from __future__ import annotations

from typing import Any

import requests
import structlog
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError, SSLError

from leads.told import told

logger = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
LONGEST_TEXT = 4096
_NEVER_LEFT = (NewConnectionError, NameResolutionError, ConnectTimeoutError, SSLError, ProxyError)


class TelegramError(Exception):
    """The text is for people, and holds no token."""


class TryLater(TelegramError):
    """Certainly not delivered, and worth another try. `retry_after`: seconds, where Telegram says."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Refused(TelegramError):
    """Telegram will not deliver this, however often it is asked."""


class Unanswered(TelegramError):
    """The request left and no answer came: it may have been delivered."""


def send_message(chat_id: str, text: str) -> int | None:
    """Send `text` (plain, cut at 4,096 characters) to the chat. Returns Telegram's message id, if it says so.

    :raises TelegramError: one of its kinds.
    """
    token = settings.TELEGRAM_BOT_TOKEN
    if not token:
        raise Refused(told("There is no bot to send with: TELEGRAM_BOT_TOKEN is not set."))
    if not chat_id:
        raise Refused(told("There is no chat to send to: the targetologist has none, and TELEGRAM_CHAT_ID is not set."))
    response = _post(f"{settings.TELEGRAM_API_URL.rstrip('/')}/bot{token}/sendMessage", chat_id, text)
    body = _body(response)
    if response.status_code == 200 and body.get("ok") is not False:
        result = body.get("result")
        number = result.get("message_id") if isinstance(result, dict) else None
        return number if isinstance(number, int) else None
    raise _error(response.status_code, body, token)


def _post(address: str, chat_id: str, text: str) -> requests.Response:
    """Without keep-alive: on a connection that Telegram has closed meanwhile nobody knows what was delivered."""
    try:
        return requests.post(
            address,
            json={"chat_id": chat_id, "text": text[:LONGEST_TEXT], "disable_web_page_preview": True},
            headers={"Connection": "close"},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        logger.warning("telegram_no_answer", error=type(error).__name__)
        if _never_left(error):
            raise TryLater(told("Telegram cannot be reached.")) from None  # the original shows the address
        raise Unanswered(told("The message was sent, but Telegram's answer did not come.")) from None


def _never_left(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return True
    cause: Any = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), _NEVER_LEFT)


def _error(status: int, body: dict[str, Any], token: str) -> TelegramError:
    said = str(body.get("description") or "").replace(token, "…")[:500] or f"HTTP {status}"
    if status == 429:
        return TryLater(said, retry_after=_retry_after(body))
    if status >= 500 or status == 408:
        return TryLater(told("Telegram is in trouble: %(why)s") % {"why": said})
    if status in (401, 404):  # said of the bot, whatever the chat
        unknown = told("Telegram knows no bot with our token (%(why)s): correct TELEGRAM_BOT_TOKEN.")
        return Refused(unknown % {"why": said})
    moved = _parameter(body, "migrate_to_chat_id")
    if isinstance(moved, int):  # a group that was made a supergroup has another id
        said = f"{said}; {told('The chat has the id %(chat)s now: enter that, then send again.') % {'chat': moved}}"
    return Refused(said)


def _parameter(body: dict[str, Any], name: str) -> Any:
    parameters = body.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def _retry_after(body: dict[str, Any]) -> float | None:
    seconds = _parameter(body, "retry_after")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return max(0.0, min(float(seconds), 86_400.0)) if is_number and seconds is not None else None


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
