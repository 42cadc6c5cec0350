"""`/api/v4/contacts` and `/api/v4/companies`."""

from __future__ import annotations

from typing import Any

from sandbox.crm.contacts import Contacts
from sandbox.crm.fields import UnknownFieldError
from sandbox.web.messages import Response

from .call import Call, nothing, ok
from .leads import new_tags
from .problems import invalid
from .query import read_list, read_with
from .selection import select_contacts
from .shapes import contact_shape


def store_of(call: Call, path: str) -> Contacts:
    """The contacts or the companies of the account."""
    return call.account.companies if path == "companies" else call.account.contacts


def list_contacts(call: Call, path: str) -> Response:
    """GET /contacts."""
    query = read_list(call.request, on_excess=call.switches.limit_over_maximum)
    rows, has_next = select_contacts(call, store_of(call, path), query)
    return call.page(path, query, [contact_shape(call, row, query.with_) for row in rows], has_next=has_next)


def read_contact(call: Call, path: str, contact_id: int) -> Response:
    """GET /contacts/{id}: 204 when there is none."""
    contact = store_of(call, path).by_id.get(contact_id)
    if contact is None or contact.is_deleted:
        return nothing()
    return ok(contact_shape(call, contact, read_with(call.request)))


def create_contacts(call: Call, path: str) -> Response:
    """POST /contacts."""
    store = store_of(call, path)
    made = []
    for at, row in enumerate(call.rows()):
        values = _values(store, row, str(at))
        contact = store.create(
            str(row.get("name") or ""), first_name=str(row.get("first_name") or ""),
            last_name=str(row.get("last_name") or ""), at=row.get("created_at"), by=row.get("created_by"), silent=True,
        )  # fmt: skip
        contact.values = {field_id: kept for field_id, kept in values.items() if kept}
        contact.tag_ids = new_tags(store.tags, [], row) or []
        call.account.tell(store.kind, "add", contact)
        made.append(
            {
                "id": contact.id, "is_deleted": False, "is_unsorted": False,
                "request_id": row.get("request_id", str(at)), "_links": call.self_link(f"{path}/{contact.id}"),
            }
        )  # fmt: skip
    return ok({"_links": call.self_link(path), "_embedded": {path: made}})


def change_contacts(call: Call, path: str) -> Response:
    """PATCH /contacts: a list, each with its id."""
    changed = [_changed(call, path, row, row.get("id"), str(at)) for at, row in enumerate(call.rows())]
    return ok({"_links": call.self_link(path), "_embedded": {path: changed}})


def change_contact(call: Call, path: str, contact_id: int) -> Response:
    """PATCH /contacts/{id}: one object."""
    return ok(_changed(call, path, call.rows(1)[0], contact_id, "0"))


def _changed(call: Call, path: str, row: dict[str, Any], contact_id: Any, request_id: str) -> dict[str, Any]:
    store = store_of(call, path)
    contact = store.by_id.get(contact_id) if isinstance(contact_id, int) else None
    if contact is None or contact.is_deleted:
        raise invalid("id", "NotFound", request_id)
    contact = store.change(
        contact.id, name=row.get("name"), first_name=row.get("first_name"), last_name=row.get("last_name"),
        responsible_user_id=row.get("responsible_user_id"), values=_values(store, row, request_id),
        tag_ids=new_tags(store.tags, contact.tag_ids, row), at=row.get("updated_at"),
    )  # fmt: skip
    return {
        "id": contact.id, "name": contact.name, "updated_at": contact.updated_at, "is_deleted": False,
        "is_unsorted": False, "request_id": row.get("request_id", request_id),
        "_links": call.self_link(f"{path}/{contact.id}"),
    }  # fmt: skip


def _values(store: Contacts, row: dict[str, Any], request_id: str) -> dict[int, list[dict[str, Any]] | None]:
    try:
        return store.fields.written(row.get("custom_fields_values"))
    except UnknownFieldError as unknown:
        raise invalid(unknown.path, request_id=request_id) from None
