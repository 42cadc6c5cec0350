"""`/leads/{id}/links`, `/link`, `/unlink`: contacts of a deal."""

from __future__ import annotations

from typing import Any

from sandbox.web.messages import Response

from .call import Call, nothing, ok
from .problems import invalid


def list_links(call: Call, lead_id: int) -> Response:
    """GET /leads/{id}/links."""
    deal = call.account.deals.by_id.get(lead_id)
    if deal is None or deal.is_deleted:
        return nothing()
    return _answer(call, lead_id, [_link(contact_id, main=at == 0) for at, contact_id in enumerate(deal.contact_ids)])


def link(call: Call, lead_id: int) -> Response:
    """POST /leads/{id}/link."""
    rows = _contacts(call, lead_id)
    for row in rows:
        is_main = bool((row.get("metadata") or {}).get("is_main"))
        call.account.deals.link(lead_id, int(row["to_entity_id"]), main=is_main)
    return _answer(call, lead_id, [_link(int(row["to_entity_id"])) for row in rows])


def unlink(call: Call, lead_id: int) -> Response:
    """POST /leads/{id}/unlink: 204."""
    gone = [int(row["to_entity_id"]) for row in _contacts(call, lead_id)]
    deal = call.account.deals[lead_id]
    deal.contact_ids = [id_ for id_ in deal.contact_ids if id_ not in gone]
    call.account.deals.change(lead_id)
    return nothing()


def _contacts(call: Call, lead_id: int) -> list[dict[str, Any]]:
    if lead_id not in call.account.deals.by_id:
        raise invalid("id", "NotFound")
    rows = call.rows()
    for at, row in enumerate(rows):
        known = call.account.contacts.by_id
        if row.get("to_entity_type") != "contacts" or row.get("to_entity_id") not in known:
            raise invalid(f"{at}.to_entity_id")
    return rows


def _link(contact_id: int, *, main: bool = False) -> dict[str, Any]:
    return {"to_entity_id": contact_id, "to_entity_type": "contacts", "metadata": {"main_contact": main}}


def _answer(call: Call, lead_id: int, links: list[dict[str, Any]]) -> Response:
    return ok(
        {
            "_total_items": len(links), "_links": call.self_link(f"leads/{lead_id}/links"),
            "_embedded": {"links": links},
        }
    )  # fmt: skip
