"""Control of what goes wrong, and of how this amoCRM behaves: faults, switches, blocks, the clock."""

from __future__ import annotations

from typing import Any

from sandbox.faults import Fault

from .order import Order


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
