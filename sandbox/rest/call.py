"""One authorised API call, and how its answers are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.crm.account import CrmAccount
from sandbox.crm.switches import Switches
from sandbox.oauth import OAuth
from sandbox.web.messages import HAL, BadJsonError, Request, Response

from .problems import ApiError
from .query import PAGE_MAXIMUM, ListQuery, page_links


@dataclass(frozen=True)
class Call:
    """`account` is whose token it was; `root` begins all links (`https://demo.amocrm.ru`)."""

    account: CrmAccount
    request: Request
    oauth: OAuth

    @property
    def root(self) -> str:
        return f"https://{self.account.profile.host}"

    @property
    def switches(self) -> Switches:
        return self.account.switches

    def self_link(self, path: str) -> dict[str, Any]:
        """`_links` with the address of one thing under `/api/v4/`."""
        return {"self": {"href": f"{self.root}/api/v4/{path}"}}

    def rows(self, maximum: int = PAGE_MAXIMUM) -> list[dict[str, Any]]:
        """The body as a list of objects; one object counts as a list of one. ApiError 400 or 422."""
        try:
            data = self.request.json()
        except BadJsonError:
            raise ApiError(400, "Invalid JSON") from None
        rows = data if isinstance(data, list) else [data]
        if not rows or not all(isinstance(row, dict) and row for row in rows):
            raise ApiError(400, "Request data can not be empty")
        if len(rows) > maximum:
            raise ApiError(422, f"Limit {maximum} per page")
        return rows

    def page(self, key: str, query: ListQuery, rows: Sequence[Any], *, has_next: bool) -> Response:
        """A page of a list; 204 when it is empty."""
        if not rows:
            return nothing()
        if len(rows) > self.switches.heaviest_page:
            raise ApiError(504)
        links = page_links(self.request, self.root, query, has_next=has_next)
        return ok({"_page": query.page, "_links": links, "_embedded": {key: rows}})


def ok(data: Any, status: int = 200) -> Response:
    """An answer in HAL."""
    return Response.of(data, status, HAL)


def nothing() -> Response:
    """204: there is nothing."""
    return Response(204)
