"""Control of accounts and of who has access to them: plans, integrations, codes and tokens."""

from __future__ import annotations

from typing import Any

import requests as http

from .order import Order
from .views import account_view

PROFILE_FACTS = (
    "name", "subdomain", "currency", "currency_symbol", "country", "timezone", "timezone_offset", "domain",
    "is_api_filter_enabled", "is_paid", "has_webhooks", "has_minor_units", "has_duplicate_control",
)  # fmt: skip


def accounts(order: Order) -> dict[str, Any]:
    """All accounts."""
    return {"accounts": [account.facts() for account in order.crm.accounts.values()]}


def add_account(order: Order) -> dict[str, Any]:
    """One more, with a pipeline."""
    facts = {name: order.data[name] for name in PROFILE_FACTS if name in order.data and name != "subdomain"}
    account = order.crm.add_account(str(order.data["subdomain"]), account_id=order.data.get("id"), **facts)
    pipelines = order.data.get("pipelines") or {"Продажи": ["Новая", "В работе", "Ждём оплату"]}
    for name, stages in pipelines.items():
        account.pipelines.add(name, stages)
    return account_view(account, 0)


def change_account(order: Order) -> dict[str, Any]:
    """What the plan holds, the currency, the name."""
    for name in PROFILE_FACTS:
        if name in order.data:
            setattr(order.account.profile, name, order.data[name])
    return order.account.facts()


def make_token(order: Order) -> dict[str, Any]:
    """Tokens without consent."""
    oauth, account_id = order.crm.oauth, order.account.id
    if order.data.get("kind", "pair") == "long_lived":
        seconds = int(order.data.get("seconds", 365 * 86_400))
        return {"access_token": oauth.long_lived(account_id, order.client_id, seconds=seconds)}
    return oauth.pair_for(account_id, order.client_id).as_json()


def make_code(order: Order) -> dict[str, Any]:
    """A code without the page."""
    return {"code": order.crm.oauth.code_for(order.client_id, order.account.id), "referer": order.account.profile.host}


def register_client(order: Order) -> dict[str, Any]:
    """An integration, or new properties of one; what is not named stays."""
    old = order.crm.oauth.clients.get(order.client_id)
    data = order.data
    client = order.crm.oauth.register(
        order.client_id, str(data.get("client_secret") or (old.secret if old else "")),
        name=str(data.get("name") or (old.name if old else "Voronka")),
        redirect_uri=data.get("redirect_uri", old.redirect_uri if old else None),
        disable_url=data.get("disable_url", old.disable_url if old else None),
    )  # fmt: skip
    return {"client_id": client.id, "redirect_uri": client.redirect_uri, "disable_url": client.disable_url}


def revoke(order: Order) -> dict[str, Any]:
    """An admin disables the integration: tokens void, and the signed notice on its way."""
    oauth, account_id = order.crm.oauth, order.account.id
    oauth.revoke(account_id, order.client_id)
    notice = oauth.disable_notice(account_id, order.client_id)
    address = oauth.clients[order.client_id].disable_url
    status = None
    if address and order.data.get("notify", True):
        headers = {"User-Agent": "amoService-oAuth-Code-Sender/1.0"}
        try:
            status = http.get(address, params=notice, headers=headers, timeout=5, allow_redirects=False).status_code
        except http.RequestException:
            status = 0
    return {"notice": notice, "status": status}
