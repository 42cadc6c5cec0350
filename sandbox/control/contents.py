"""Control of what is in an account: deals, contacts, pipelines, hooks, as a person would in amoCRM."""

from __future__ import annotations

from typing import Any

from sandbox.crm.deals import DealChanges
from sandbox.rest.shapes import hook_shape
from sandbox.seed import seed_bulk, seed_demo

from .order import Order
from .views import contact_view, deal_view, pipeline_view

CREATE_FACTS = (
    "price", "pipeline_id", "status_id", "phone", "contact_name", "contact_ids", "utm", "fields", "tags", "created_at",
    "responsible_user_id", "by", "silent",
)  # fmt: skip


def add_pipeline(order: Order) -> dict[str, Any]:
    """A pipeline with these stages."""
    return pipeline_view(order.account.pipelines.add(str(order.data["name"]), order.data.get("stages") or ["Новая"]))


def create_deal(order: Order) -> dict[str, Any]:
    """A deal, with its contact if a phone or a name is given."""
    facts = {name: order.data[name] for name in CREATE_FACTS if name in order.data}
    return deal_view(order.account, order.account.deals.create(str(order.data.get("name") or ""), **facts))


def read_deal(order: Order, deal_id: int) -> dict[str, Any]:
    """One deal, deleted ones too."""
    return deal_view(order.account, order.account.deals[deal_id])


def change_deal(order: Order, deal_id: int) -> dict[str, Any]:
    """Stage, price, name, fields, tags."""
    deals, data = order.account.deals, order.data
    changes = DealChanges()
    if "status_id" in data:
        changes["status_id"] = int(data["status_id"])
    if "pipeline_id" in data:
        changes["pipeline_id"] = int(data["pipeline_id"])
    if "price" in data:
        changes["price"] = data["price"]
    if "name" in data:
        changes["name"] = str(data["name"])
    if "fields" in data:
        changes["values"] = deals.fields.plain(data["fields"])
    if "tags" in data:
        changes["tag_ids"] = [deals.tags.named(tag).id for tag in data["tags"]]
    return deal_view(order.account, deals.change(deal_id, at=data.get("at"), silent=order.silent, **changes))


def act_on_deal(order: Order, deal_id: int, action: str) -> dict[str, Any]:
    """Win, lose, delete, restore."""
    deals = order.account.deals
    if action == "win":
        deal = deals.win(deal_id, price=order.data.get("price"), silent=order.silent)
    elif action == "lose":
        deal = deals.lose(deal_id, order.data.get("loss_reason_id"), silent=order.silent)
    elif action == "delete":
        deal = deals.delete(deal_id, silent=order.silent)
    else:
        deal = deals.restore(deal_id, silent=order.silent)
    return deal_view(order.account, deal)


def add_unsorted(order: Order) -> dict[str, Any]:
    """An application from a form."""
    facts = {name: order.data[name] for name in ("phone", "utm", "pipeline_id", "silent") if name in order.data}
    return deal_view(order.account, order.account.unsorted.add(str(order.data.get("name") or ""), **facts))


def settle_unsorted(order: Order, deal_id: int, action: str) -> dict[str, Any]:
    """Accept or decline an application."""
    unsorted = order.account.unsorted
    if action == "accept":
        deal = unsorted.accept(deal_id, order.data.get("status_id"), silent=order.silent)
    else:
        deal = unsorted.decline(deal_id, silent=order.silent)
    return deal_view(order.account, deal)


def merge_deal(order: Order, deal_id: int) -> dict[str, Any]:
    """Another deal into this one."""
    return deal_view(
        order.account, order.account.deals.merge(deal_id, int(order.data["merged_id"]), silent=order.silent)
    )


def create_contact(order: Order) -> dict[str, Any]:
    """A contact, tied to a deal if one is named."""
    data = order.data
    contact = order.account.contacts.create(
        str(data.get("name") or ""), phone=data.get("phone"), email=data.get("email"), silent=order.silent
    )
    if data.get("deal_id"):
        order.account.deals.link(int(data["deal_id"]), contact.id, main=True, silent=order.silent)
    return contact_view(order.account, contact)


def add_phone(order: Order, contact_id: int) -> dict[str, Any]:
    """A phone that comes later."""
    contact = order.account.contacts.add_phone(contact_id, str(order.data["phone"]), silent=order.silent)
    return contact_view(order.account, contact)


def delete_contact(order: Order, contact_id: int) -> dict[str, Any]:
    """Into the bin."""
    return contact_view(order.account, order.account.contacts.delete(contact_id, silent=order.silent))


def seed(order: Order) -> dict[str, Any]:
    """Many deals at once, or the demo's."""
    if order.data.get("demo"):
        seed_demo(order.crm)
        return {"deals": len(order.crm.demo.deals)}
    ids = seed_bulk(
        order.account, int(order.data["deals"]), seed=int(order.data.get("seed", 1)),
        days=int(order.data.get("days", 365)), with_events=bool(order.data.get("with_events", False)),
    )  # fmt: skip
    return {"deals": len(ids), "first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}


def list_hooks(order: Order) -> dict[str, Any]:
    """The account's subscriptions."""
    return {"webhooks": [hook_shape(order.account, hook) for hook in order.account.hooks.values()]}


def subscribe(order: Order) -> dict[str, Any]:
    """A hook made by hand in amoMarket, or by the Digital Pipeline (`is_short`)."""
    data = order.data
    hook = order.account.subscribe(
        str(data["destination"]), list(data["settings"]), is_short=bool(data.get("is_short", False))
    )
    return hook_shape(order.account, hook)


def change_hook(order: Order) -> dict[str, Any]:
    """Switch a hook off or on, as amoCRM or an admin does."""
    hook = order.account.hook_at(str(order.data["destination"]))
    if hook is None:
        raise KeyError(order.data["destination"])
    hook.disabled = bool(order.data["disabled"])
    return hook_shape(order.account, hook)
