"""One control request, and what most of them name in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.crm.account import CrmAccount
from sandbox.sandbox import CLIENT_ID, Sandbox
from sandbox.web.messages import Request

SHOWN = 50


@dataclass(frozen=True)
class Order:
    """One control request: what is asked (`data`), and of which account."""

    crm: Sandbox
    request: Request
    data: dict[str, Any]

    @property
    def account(self) -> CrmAccount:
        return self.crm.account(self.request.query.get("account", self.crm.demo.id))

    @property
    def limit(self) -> int:
        return int(self.request.query.get("limit", SHOWN))

    @property
    def client_id(self) -> str:
        return str(self.data.get("client_id", CLIENT_ID))

    @property
    def silent(self) -> bool:
        return bool(self.data.get("silent", False))
