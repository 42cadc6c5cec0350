"""Which rows of a list: order, paid filters, search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.crm.contacts import Contacts
from sandbox.crm.models import Contact, Deal, Values
from sandbox.crm.shelf import Record, Shelf

from .call import Call
from .problems import ApiError
from .query import ListQuery, Node, bounds, numbers, texts

Test = Callable[[Any], bool]
TIME_FILTERS = ("created_at", "updated_at", "closed_at")
ID_FILTERS = ("id", "pipeline_id", "created_by", "updated_by", "responsible_user_id")


def filter_of(call: Call, query: ListQuery) -> dict[str, Node]:
    """The filter that counts: none on an account without the add-on, or a ApiError, as the switch says."""
    if not query.filter or call.account.profile.is_api_filter_enabled:
        return query.filter
    if call.switches.filter_without_addon == "error":
        raise ApiError(403, "Filter is not available for this account")
    return {}


def select_deals(call: Call, query: ListQuery) -> tuple[list[Deal], bool]:
    """The deals of the asked page, and whether there is a page after it."""
    return _select(call, call.account.deals, query)


def select_contacts(call: Call, store: Contacts, query: ListQuery) -> tuple[list[Contact], bool]:
    """The contacts (or companies) of the asked page, and whether there is a page after it."""
    return _select(call, store, query)


def _select(call: Call, store: Shelf[Record], query: ListQuery) -> tuple[list[Record], bool]:
    filter_, by_id = filter_of(call, query), store.by_id
    name, descending = (call.switches.order_as_asked and query.order) or ("id", False)
    index = {"updated_at": store.by_updated, "created_at": store.by_created}.get(name, store.by_number)
    if not filter_ and not query.query:
        ids = index.page(query.start, query.stop + 1, descending=descending)
    else:
        ids = [id_ for id_ in _candidates(store, filter_) if _fits(by_id[id_], filter_, query.query)]
        key = name if name in ("updated_at", "created_at") else "id"
        ids.sort(key=lambda id_: (getattr(by_id[id_], key), id_), reverse=descending)
        ids = ids[query.start : query.stop + 1]
    rows = [by_id[id_] for id_ in ids[: query.limit]]
    return rows, len(ids) > query.limit


def _candidates(store: Shelf[Record], filter_: dict[str, Node]) -> list[int]:
    """As few rows as an index gives for the filter; the tests after it are what decides."""
    if "id" in filter_:
        return [id_ for id_ in dict.fromkeys(numbers(filter_["id"])) if not _missing(store, id_)]
    if "updated_at" in filter_:
        return store.by_updated.between(*bounds(filter_["updated_at"]))
    if "created_at" in filter_:
        return store.by_created.between(*bounds(filter_["created_at"]))
    return store.by_number.between(None, None)


def _missing(store: Shelf[Record], id_: int) -> bool:
    record = store.by_id.get(id_)
    return record is None or record.is_deleted


def _fits(record: Deal | Contact, filter_: dict[str, Node], query: str) -> bool:
    if query and not _found_in(record, query):
        return False
    return all(_passes(record, name, node) for name, node in filter_.items())


def _passes(record: Deal | Contact, name: str, node: Node) -> bool:
    if name in ID_FILTERS:
        return getattr(record, name, None) in numbers(node)
    if name in TIME_FILTERS or name == "price":
        low, high = bounds(node)
        value = getattr(record, name, None)
        return value is not None and (low is None or value >= low) and (high is None or value <= high)
    if name == "name":
        return record.name in texts(node)
    if name == "statuses" and isinstance(record, Deal) and isinstance(node, dict):
        return any(_in_stage(record, stage) for stage in node.values())
    if name == "custom_fields_values" and isinstance(node, dict):
        return all(_has_value(record.values, int(field_id), wanted) for field_id, wanted in node.items())
    return True


def _in_stage(deal: Deal, stage: Node) -> bool:
    if not isinstance(stage, dict):
        return False
    return deal.pipeline_id in numbers(stage.get("pipeline_id")) and deal.status_id in numbers(stage.get("status_id"))


def _has_value(values: Values, field_id: int, wanted: Node) -> bool:
    rows = values.get(field_id, [])
    if isinstance(wanted, dict) and ("from" in wanted or "to" in wanted):
        low, high = bounds(wanted)
        found = [int(row["value"]) for row in rows if str(row["value"]).lstrip("-").isdigit()]
        return any((low is None or number >= low) and (high is None or number <= high) for number in found)
    choices = texts(wanted)
    return any(str(row.get("enum_id")) in choices or str(row["value"]) in choices for row in rows)


def _found_in(record: Deal | Contact, query: str) -> bool:
    """amoCRM's search is a substring search over what is filled, so it finds foreign rows too."""
    needle = query.casefold()
    filled = [str(record.id), record.name] + [str(row["value"]) for rows in record.values.values() for row in rows]
    if any(needle in text.casefold() for text in filled):
        return True
    digits = "".join(sign for sign in query if sign.isdigit())
    return len(digits) >= 6 and any(digits in "".join(filter(str.isdigit, text)) for text in filled[2:])
