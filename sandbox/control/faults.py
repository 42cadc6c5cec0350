"""Control of the sandbox around the CRM: accounts, faults, switches, records, tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests as http

from .crm.account import CrmAccount
from .faults import Fault
from .sandbox import CLIENT_ID, Sandbox
from .views import account_view
from .web.messages import Request

PROFILE_FACTS = (
    "name", "subdomain", "currency", "currency_symbol", "country", "timezone", "timezone_offset", "domain",
    "is_api_filter_enabled", "is_paid", "has_webhooks", "has_minor_units",
)  # fmt: skip
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


def state(order: Order) -> dict[str, Any]:
    """Everything that the board shows."""
    crm = order.crm
    newest = list(crm.courier.deliveries)[-order.limit :][::-1]
    return {
        "accounts": [account.facts() for account in crm.accounts.values()],
        "account": account_view(order.account, int(order.request.query.get("deals", 400))),
        "deliveries": [delivery.as_json() for delivery in newest],
        "messages": [message.as_json() for message in crm.telegram.messages[-order.limit :][::-1]],
        "faults": list_faults(order),
        "switches": list_switches(order),
        "blocked": bool(crm.limits.blocked),
        "requests": len(crm.requests),
        "max_in_any_second": crm.max_in_any_second(),
    }


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


def deliveries(order: Order) -> dict[str, Any]:
    """The hooks that were sent, newest first."""
    newest = list(order.crm.courier.deliveries)[::-1]
    return {"count": len(newest), "deliveries": [delivery.as_json() for delivery in newest[: order.limit]]}


def act_on_deliveries(order: Order, action: str) -> dict[str, Any]:
    """Wait until all is sent; let go what is held; retry at once."""
    courier = order.crm.courier
    if action == "release":
        courier.release()
    elif action == "retry":
        courier.retry_now()
    timeout = float(order.data.get("timeout", 10))
    return {"idle": courier.wait_idle(timeout, retries=bool(order.data.get("retries", False)))}


def send(order: Order) -> dict[str, Any]:
    """Any body to any address, with amoCRM's headers and retries."""
    delivery = order.crm.courier.send(
        order.account, 0, str(order.data["destination"]), "by hand", str(order.data["body"])
    )
    return delivery.as_json(with_body=False)


def list_faults(order: Order) -> dict[str, Any]:
    """What is armed, of the API and of the hooks."""
    rules = [rule.as_json() for rule in order.crm.faults.rules]
    return {"api": rules, "hooks": order.crm.hook_faults.as_json()}


def arm_fault(order: Order) -> dict[str, Any]:
    """A fault of the API."""
    return order.crm.faults.arm(Fault(**order.data)).as_json()


def set_hook_faults(order: Order) -> dict[str, Any]:
    """Faults of the hooks, by name."""
    order.crm.hook_faults.update(order.data)
    return list_faults(order)


def clear_faults(order: Order) -> dict[str, Any]:
    """None any more, of any kind; with `kind`, the API's faults of that kind only."""
    kind = order.request.query.get("kind")
    if kind:
        for rule in order.crm.faults.rules:
            if rule.kind == kind:
                order.crm.faults.lift(rule)
        return list_faults(order)
    order.crm.faults.clear()
    order.crm.hook_faults.clear()
    order.crm.telegram.clear_faults()
    return list_faults(order)


def list_switches(order: Order) -> dict[str, Any]:
    """All switches by name."""
    switches = order.crm.switches
    return {name: getattr(switches, name) for name in switches.__slots__}


def set_switches(order: Order) -> dict[str, Any]:
    """Some switches by name."""
    order.crm.set_switches(order.data)
    return list_switches(order)


def requests(order: Order) -> dict[str, Any]:
    """The record of requests: the last ones, counts by method and path, the highest rate."""
    kind = order.request.query.get("kind")
    seen = [one for one in order.crm.requests if kind is None or one.kind == kind]
    counts = order.crm.journal.counts(kind)
    return {
        "count": len(seen),
        "max_in_any_second": order.crm.max_in_any_second(),
        "counts": {f"{method} {path}": count for (method, path), count in counts.items()},
        "requests": [one.as_json() for one in seen[-order.limit :]],
    }


def forget_requests(order: Order) -> dict[str, Any]:
    """Begin the record anew."""
    order.crm.journal.clear()
    return {"count": 0}


def messages(order: Order) -> dict[str, Any]:
    """What came for Telegram, oldest first."""
    telegram = order.crm.telegram
    return {"attempts": telegram.attempts, "messages": [message.as_json() for message in telegram.messages]}


def refuse_messages(order: Order) -> dict[str, Any]:
    """Let Telegram refuse."""
    times = order.data.get("times", 1)
    order.crm.telegram.fail(int(order.data["status"]), times=times, retry_after=int(order.data.get("retry_after", 1)))
    return {"armed": True}


def forget_messages(order: Order) -> dict[str, Any]:
    """Begin the messages anew, and take them all."""
    order.crm.telegram.messages.clear()
    order.crm.telegram.clear_faults()
    return {"messages": []}


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


def block(order: Order) -> dict[str, Any]:
    """403 for this account and integration."""
    order.crm.limits.block(order.account.id, order.client_id)
    return {"blocked": True}


def lift(order: Order) -> dict[str, Any]:
    """No more 403."""
    order.crm.limits.lift()
    return {"blocked": False}


def advance(order: Order) -> dict[str, Any]:
    """Let time pass."""
    order.crm.clock.advance(float(order.data["advance"]))
    return {"now": order.crm.clock.now()}


def reset(order: Order) -> dict[str, Any]:
    """Faults gone and records empty; accounts, deals, hooks and tokens stay."""
    clear_faults(order)
    order.crm.limits.lift()
    order.crm.courier.clear()
    order.crm.journal.clear()
    forget_messages(order)
    return {"reset": True}
