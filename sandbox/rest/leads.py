"""`/api/v4/leads`: list, one, create, change, and `complex`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.crm.deals import DealChanges
from sandbox.crm.fields import UnknownFieldError
from sandbox.crm.models import CLOSED_STATUS_IDS, Deal
from sandbox.crm.tags import Tags
from sandbox.web.messages import Response

from .call import Call, nothing, ok
from .problems import ApiError, invalid
from .query import read_list, read_with
from .selection import select_deals
from .shapes import deleted_lead_shape, lead_shape

PLAIN = ("name", "responsible_user_id", "loss_reason_id", "created_at", "closed_at")
COMPLEX_MAXIMUM = 50


def list_leads(call: Call) -> Response:
    """GET /leads."""
    query = read_list(call.request, on_excess=call.switches.limit_over_maximum)
    if "only_deleted" in query.with_:
        deals = call.account.deals.by_id.values()
        deleted = [deal for deal in deals if deal.is_deleted and deal.merged_into is None]
        shown = [deleted_lead_shape(call, deal) for deal in deleted[query.start : query.stop]]
        return call.page("leads", query, shown, has_next=len(deleted) > query.stop)
    rows, has_next = select_deals(call, query)
    return call.page("leads", query, [lead_shape(call, deal, query.with_) for deal in rows], has_next=has_next)


def read_lead(call: Call, lead_id: int) -> Response:
    """GET /leads/{id}: 204 when there is none, and for one merged away."""
    deal = call.account.deals.by_id.get(lead_id)
    if deal is None or deal.merged_into is not None:
        return nothing()
    if deal.is_deleted and call.switches.deleted_lead_read == 204:
        return nothing()
    return ok(lead_shape(call, deal, read_with(call.request)))


def create_leads(call: Call) -> Response:
    """POST /leads."""
    rows = call.rows()
    made = []
    for at, row in enumerate(rows):
        deal = _create(call, row, str(at))
        made.append(
            {"id": deal.id, "request_id": row.get("request_id", str(at)), "_links": call.self_link(f"leads/{deal.id}")}
        )
    return ok({"_links": call.self_link("leads"), "_embedded": {"leads": made}})


def change_leads(call: Call) -> Response:
    """PATCH /leads: a list, each with its id."""
    changed = [_changed(call, row, row.get("id"), str(at)) for at, row in enumerate(call.rows())]
    return ok({"_links": call.self_link("leads"), "_embedded": {"leads": changed}})


def change_lead(call: Call, lead_id: int) -> Response:
    """PATCH /leads/{id}: one object."""
    return ok(_changed(call, call.rows(1)[0], lead_id, "0"))


def create_complex(call: Call) -> Response:
    """POST /leads/complex: deals with a contact and a company each, answered by a bare list."""
    answers = []
    for at, row in enumerate(call.rows(COMPLEX_MAXIMUM)):
        embedded = row.get("_embedded") or {}
        if any(len(embedded.get(kind) or []) > 1 for kind in ("contacts", "companies")):
            raise ApiError(400, "Only one contact and one company per lead")
        request_id = row.get("request_id")
        answer = {"request_id": [str(at) if request_id is None else request_id]}
        double = _double(call, embedded.get("contacts") or [])
        if double is not None:
            tags = call.account.deals.tags.ids_of(embedded.get("tags") or [])
            call.account.deals.change(double.id, tag_ids=list(dict.fromkeys([*double.tag_ids, *tags])))
            told = {"id": double.id, "contact_id": double.contact_ids[0], "company_id": double.company_id}
            answers.append({**told, **answer, "merged": True})
            continue
        contact_id = _person(call, "contacts", embedded.get("contacts"))
        company_id = _person(call, "companies", embedded.get("companies"))
        if embedded.get("metadata"):
            row = {**row, "status_id": _unsorted_stage(call, row.get("pipeline_id")), "is_unsorted": True}
        linked = {"contacts": [{"id": contact_id}] if contact_id else [], "tags": embedded.get("tags") or []}
        deal = _create(call, {**row, "_embedded": linked}, str(at))
        deal.company_id = company_id
        answers.append({"id": deal.id, "contact_id": contact_id, "company_id": company_id, **answer, "merged": False})
    return ok(answers)


def _double(call: Call, rows: list[dict[str, Any]]) -> Deal | None:
    """By duplicate control, where the account has it: the newest open deal whose main contact has one of the phones."""
    phones = _phones(field.get("values") for row in rows for field in row.get("custom_fields_values") or ())
    if not (call.account.profile.has_duplicate_control and phones):
        return None
    contacts = call.account.contacts.by_id
    for deal in reversed(call.account.deals.by_id.values()):
        is_open = not deal.is_deleted and deal.status_id not in CLOSED_STATUS_IDS
        if is_open and deal.contact_ids and phones & _phones(contacts[deal.contact_ids[0]].values.values()):
            return deal
    return None


def _phones(fields: Iterable[Any]) -> set[str]:
    """The last ten digits of each value of these fields that has as many."""
    digits = {re.sub(r"\D", "", str(one.get("value"))) for values in fields for one in values or ()}
    return {text[-10:] for text in digits if len(text) >= 10}


def new_tags(tags: Tags, now: list[int], row: dict[str, Any]) -> list[int] | None:
    """The tag ids after a request: a whole new set, or additions and removals; None for no change."""
    embedded = row.get("_embedded") or {}
    wanted: list[int] | None = None
    if "tags" in embedded:
        wanted = tags.ids_of(embedded["tags"] or [])
    if row.get("tags_to_add") or row.get("tags_to_delete"):
        base = now if wanted is None else wanted
        gone = tags.ids_of(row.get("tags_to_delete") or [])
        wanted = [id_ for id_ in [*base, *tags.ids_of(row.get("tags_to_add") or [])] if id_ not in gone]
    return wanted


def _create(call: Call, row: dict[str, Any], request_id: str) -> Deal:
    deals = call.account.deals
    embedded = row.get("_embedded") or {}
    linked = sorted(embedded.get("contacts") or [], key=lambda contact: not contact.get("is_main"))
    for at, contact in enumerate(linked):
        if contact.get("id") not in call.account.contacts.by_id:
            raise invalid(f"_embedded.contacts.{at}.id", request_id=request_id)
    try:
        values = deals.fields.written(row.get("custom_fields_values"))
        deal = deals.create(
            str(row.get("name") or ""), price=row.get("price") or 0, pipeline_id=row.get("pipeline_id"),
            status_id=row.get("status_id"), contact_ids=[int(contact["id"]) for contact in linked],
            created_at=row.get("created_at"), responsible_user_id=row.get("responsible_user_id"),
            by=row.get("created_by"), silent=True,
        )  # fmt: skip
    except UnknownFieldError as unknown:
        raise invalid(unknown.path, request_id=request_id) from None
    except ValueError:
        raise invalid("status_id", request_id=request_id) from None
    # Written before the hook goes out, for the hook tells of the deal as it was made.
    deal.values = {field_id: rows for field_id, rows in values.items() if rows}
    deal.tag_ids = new_tags(deals.tags, [], row) or []
    if not deal.name:
        deal.name = f"Сделка #{deal.id}"
    if row.get("is_unsorted"):
        call.account.tell("unsorted", "add", deal)
    else:
        call.account.tell("lead", "add", deal)
    return deal


def _changed(call: Call, row: dict[str, Any], lead_id: Any, request_id: str) -> dict[str, Any]:
    deals = call.account.deals
    deal = deals.by_id.get(lead_id) if isinstance(lead_id, int) else None
    if deal is None or deal.is_deleted:
        raise invalid("id", "NotFound", request_id)
    changes = DealChanges(**{name: row[name] for name in PLAIN if name in row})  # type: ignore[typeddict-item]
    if row.get("price") is not None:
        changes["price"] = row["price"]
    if row.get("pipeline_id") is not None:
        changes["pipeline_id"] = int(row["pipeline_id"])
    if row.get("status_id") is not None:
        changes["status_id"] = int(row["status_id"])
    try:
        if "custom_fields_values" in row:
            changes["values"] = deals.fields.written(row["custom_fields_values"])
        tag_ids = new_tags(deals.tags, deal.tag_ids, row)
        if tag_ids is not None:
            changes["tag_ids"] = tag_ids
        deal = deals.change(deal.id, at=row.get("updated_at"), by=row.get("updated_by"), **changes)
    except UnknownFieldError as unknown:
        raise invalid(unknown.path, request_id=request_id) from None
    except ValueError:
        raise invalid("status_id", request_id=request_id) from None
    return {
        "id": deal.id, "updated_at": deal.updated_at, "request_id": row.get("request_id", request_id),
        "_links": call.self_link(f"leads/{deal.id}"),
    }  # fmt: skip


def _person(call: Call, path: str, rows: list[dict[str, Any]] | None) -> int | None:
    """The contact or company that a complex deal names (by id) or brings along."""
    if not rows:
        return None
    store = call.account.companies if path == "companies" else call.account.contacts
    row = rows[0]
    if row.get("id"):
        if row["id"] not in store.by_id:
            raise invalid(f"_embedded.{path}.0.id")
        return int(row["id"])
    try:
        values = store.fields.written(row.get("custom_fields_values"))
    except UnknownFieldError as unknown:
        raise invalid(f"_embedded.{path}.0.{unknown.path}") from None
    person = store.create(
        str(row.get("name") or ""), first_name=str(row.get("first_name") or ""),
        last_name=str(row.get("last_name") or ""), by=row.get("created_by"), silent=True,
    )  # fmt: skip
    person.values = {field_id: kept for field_id, kept in values.items() if kept}
    call.account.tell(store.kind, "add", person)
    return person.id


def _unsorted_stage(call: Call, pipeline_id: int | None) -> int:
    try:
        return call.account.unsorted.stage(pipeline_id)
    except ValueError:
        raise invalid("pipeline_id") from None
