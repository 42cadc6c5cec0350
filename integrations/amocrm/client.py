"""amoCRM as the rest of the product sees it: deals, contacts, pipelines, the account, hooks. Values in, values out.

All methods raise `ConditionError` for the connection's trouble (the same call works once it has passed) and
`RequestError` for what amoCRM refuses. They send requests, so they must not be called inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from integrations.amocrm import lookups
from integrations.amocrm.brackets import items_of
from integrations.amocrm.caller import ACCOUNT, Caller
from integrations.amocrm.entities import (
    AccountFacts,
    FieldFacts,
    PipelineFacts,
    account_from_api,
    contact_from_api,
    deal_from_api,
    entities_in,
    fields_in,
    pipelines_in,
)
from integrations.amocrm.errors import Outage, RequestError
from integrations.amocrm.lookups import PAGE, Answer, FilterIgnored, Kind
from integrations.amocrm.pacing import Priority
from integrations.amocrm.tokens import ConnectionTokens, Tokens
from integrations.models import AmoCRMConnection
from leads.clock import shared_now
from leads.news import ContactSnapshot, DealSnapshot
from leads.told import told

API = "/api/v4/"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A hook as registered at amoCRM. `is_disabled`: amoCRM or an admin has switched it off."""

    destination: str
    settings: tuple[str, ...]
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class Pipelines:
    """`announced` may be more than what was listed: amoCRM has been seen to leave some out."""

    pipelines: tuple[PipelineFacts, ...]
    announced: int

    @property
    def is_complete(self) -> bool:
        return len(self.pipelines) >= self.announced


class AmoCRMClient:
    """The tokens of `connection` are read from the database each time. `tokens`: others, on trial.
    `before_request` is called before each request, so that a lease can be kept through a long reading."""

    def __init__(
        self,
        connection: AmoCRMConnection,
        *,
        priority: Priority = Priority.LIVE,
        tokens: Tokens | None = None,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._caller = Caller(tokens or ConnectionTokens(connection), priority=priority, before_request=before_request)

    @property
    def requests_made(self) -> int:
        return self._caller.requests_made

    @property
    def answered_in(self) -> float:
        """Seconds that the last answer took."""
        return self._caller.answered_in

    # --- Deals and contacts ---

    def deals(self, ids: Collection[int], *, left: set[int] | None = None) -> dict[int, DealSnapshot]:
        """The deals by id, each with its contacts' ids and `read_at`. An id that is missing reads as 204: gone.

        :param left: receives the ids that would cost too many requests and were not asked for.
        """
        mapping = self._connection.user_account.utm_mapping

        def read(data: dict[str, Any], asked_at: datetime) -> DealSnapshot:
            return deal_from_api(data, read_at=asked_at, mapping=mapping)

        return self._find(Kind("leads", "contacts", read, has_bin=True), ids, left)

    def contacts(self, ids: Collection[int], *, left: set[int] | None = None) -> dict[int, ContactSnapshot]:
        """The contacts by id, each with its deals' ids. An id that is missing is gone. `left`: as of deals."""
        return self._find(Kind("contacts", "leads", lambda data, _: contact_from_api(data)), ids, left)

    def _find(self, kind: Kind[T], ids: Collection[int], left: set[int] | None) -> dict[int, T]:
        wanted = set(ids)
        if len(wanted) > 1 and self._has_filter():
            try:
                return lookups.filtered(self._ask, kind, wanted)
            except FilterIgnored:
                found = lookups.newest_first(self._ask, kind, wanted, left)
            self._remember_filter(False)  # only now: the same question was answered without it
            return found
        return lookups.newest_first(self._ask, kind, wanted, left) if wanted else {}

    def _ask(self, path: str, query: Mapping[str, Any]) -> Answer:
        asked_at = shared_now()  # which of two readings is the later one must not be said by two clocks
        return Answer(self.get(path, query), asked_at)

    def _has_filter(self) -> bool:
        """Whether the account has paid for `filter[…]`; asked once, then remembered with the connection."""
        if self._connection.is_api_filter_enabled is None:
            self._remember_filter(bool(self.account().is_api_filter_enabled))
        return bool(self._connection.is_api_filter_enabled)

    def _remember_filter(self, is_enabled: bool) -> None:
        self._connection.is_api_filter_enabled = is_enabled
        if self._connection.pk:
            AmoCRMConnection.objects.filter(pk=self._connection.pk).update(is_api_filter_enabled=is_enabled)

    # --- The account and its structure ---

    def account(self) -> AccountFacts:
        """Who the token belongs to."""
        data = self._caller.call("GET", ACCOUNT, params={"with": "is_api_filter_enabled,datetime_settings"})
        try:
            return account_from_api(data if isinstance(data, dict) else {})
        except ValueError:
            raise Outage(told("amoCRM did not say which account this is."), method="GET", path=ACCOUNT) from None

    def pipelines(self) -> Pipelines:
        """All pipelines with their stages."""
        data = self.get("leads/pipelines")
        found = pipelines_in(data)
        told = data.get("_total_items") if isinstance(data, dict) else None
        return Pipelines(found, told if isinstance(told, int) else len(found))

    def lead_fields(self) -> list[FieldFacts]:
        """The custom fields that deals of the account can have."""
        return [field for page in self.pages("leads/custom_fields", {"limit": PAGE}) for field in fields_in(page)]

    # --- Hooks ---

    def webhooks(self, destination: str = "") -> list[Webhook]:
        """The hooks registered by whomever; only that of `destination` where one is named."""
        found = [hook for page in self.pages("webhooks", {"limit": PAGE}) for hook in _webhooks_in(page)]
        return [hook for hook in found if destination in ("", hook.destination)]

    def register_webhook(self, destination: str, events: Sequence[str]) -> Webhook:
        """Have these events, and no others, sent to `destination`. amoCRM replaces a hook of the same address."""
        answer = self.post("webhooks", {"destination": destination, "settings": list(events)})
        return _webhook(answer) or Webhook(destination, tuple(events), is_disabled=False)

    def delete_webhook(self, destination: str) -> None:
        """Stop sending anything there. No error when nothing was sent there."""
        try:
            self._caller.call("DELETE", f"{API}webhooks", body={"destination": destination})
        except RequestError as error:
            if error.status != 404:
                raise

    # --- Any address ---

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The answer of `GET /api/v4/{path}`; None for 204."""
        return self._caller.call("GET", f"{API}{path}", params=dict(params or {}))

    def post(self, path: str, body: Any, *, repeatable: bool = True) -> Any:
        """`repeatable`: False for what must not be made twice when an answer is lost."""
        return self._caller.call("POST", f"{API}{path}", body=body, repeatable=repeatable)

    def patch(self, path: str, body: Any) -> Any:
        """Changes what is there; doing so twice is doing it once."""
        return self._caller.call("PATCH", f"{API}{path}", body=body)

    def first_page(self, path: str) -> Any:
        """The first page of a list, with all that `deals` and `contacts` would ask for."""
        return self.get(path, {"limit": PAGE, "with": {"leads": "contacts", "contacts": "leads"}.get(path, "")})

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Each page of a list, following `_links.next` for as long as it leads on. Of its host nothing is used."""
        address, query = f"{API}{path}", dict(params or {})
        seen = {address}
        while True:
            page = self._caller.call("GET", address, params=query)
            if page is not None:
                yield page
            following = _same_host(address, lookups.next_of(page))
            if not following or following in seen:
                return
            seen.add(following)
            address, query = following, {}


def _same_host(current: str, link: str) -> str:
    """Path and query of a `next` link, absolute or relative. Empty for one that is no address of the API."""
    if not link:
        return ""
    base = urlsplit(settings.AMOCRM_BASE_URL).path.rstrip("/")
    try:
        parts = urlsplit(urljoin(current, link))
    except ValueError:
        return ""
    path = parts.path.removeprefix(base) if base else parts.path
    if not path.startswith(API) or ".." in path:
        return ""
    return f"{path}?{parts.query}" if parts.query else path


def _webhooks_in(page: Any) -> list[Webhook]:
    return [hook for data in entities_in(page, "webhooks") if (hook := _webhook(data))]


def _webhook(data: Any) -> Webhook | None:
    if not isinstance(data, dict) or not isinstance(data.get("destination"), str):
        return None
    events = tuple(event for event in items_of(data.get("settings")) if isinstance(event, str))
    return Webhook(data["destination"], events, is_disabled=data.get("disabled") is True)
