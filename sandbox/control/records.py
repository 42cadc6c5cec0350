"""Control of what came and went: deliveries, requests, messages; and all that the board shows."""

from __future__ import annotations

from typing import Any

from .faults import clear_faults, list_faults, list_switches
from .order import Order
from .views import account_view


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


def reset(order: Order) -> dict[str, Any]:
    """Faults gone and records empty; accounts, deals, hooks and tokens stay."""
    clear_faults(order)
    order.crm.limits.lift()
    order.crm.courier.clear()
    order.crm.journal.clear()
    forget_messages(order)
    return {"reset": True}
