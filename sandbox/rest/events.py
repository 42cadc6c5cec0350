"""`/api/v4/events`: the history, newest first, with filters that need no add-on."""

from __future__ import annotations

from itertools import islice
from typing import Any

from sandbox.crm.models import Event
from sandbox.web.messages import Response

from .call import Call, nothing, ok
from .problems import ApiError
from .query import EVENTS_MAXIMUM, Node, bounds, numbers, read_list, texts
from .shapes import PLURALS

TYPES = (
    ("lead_added", 1, "Новая сделка"), ("lead_deleted", 2, "Сделка удалена"),
    ("lead_restored", 3, "Сделка восстановлена"), ("lead_status_changed", 4, "Изменение этапа продажи"),
    ("contact_added", 7, "Новый контакт"), ("contact_deleted", 8, "Контакт удален"),
    ("contact_restored", 9, "Контакт восстановлен"), ("company_added", 10, "Новая компания"),
    ("entity_linked", 22, "Прикрепление"), ("entity_tag_added", 24, "Теги добавлены"),
    ("entity_tag_deleted", 25, "Теги убраны"), ("entity_responsible_changed", 26, "Ответственный изменен"),
    ("sale_field_changed", 27, "Изменение поля «Бюджет»"), ("entity_merged", 31, "Выполнено объединение"),
)  # fmt: skip


def list_events(call: Call) -> Response:
    """GET /events."""
    query = read_list(call.request, maximum=EVENTS_MAXIMUM, on_excess=call.switches.limit_over_maximum)
    filter_ = query.filter
    if len(texts(filter_.get("entity_id"))) > 10:
        raise ApiError(400, "No more than 10 values of entity_id")
    if "entity_id" in filter_ and len(texts(filter_.get("entity"))) != 1:
        raise ApiError(400, "Filter by entity_id needs exactly one entity")
    low, high = bounds(filter_.get("created_at"))
    if not isinstance(filter_.get("created_at"), dict):
        high = None  # a single time means: since then
    history = call.account.history
    events = history.newest_first(low, high)
    if not call.switches.order_as_asked:
        events = reversed(list(history.newest_first(None, None)))
    fitting = (event for event in events if _fits(event, filter_))
    found = list(islice(fitting, query.start, query.stop + 1))
    rows = [_shape(call, event) for event in found[: query.limit]]
    return call.page("events", query, rows, has_next=len(found) > query.limit)


def read_event(call: Call, event_id: str) -> Response:
    """GET /events/{id}."""
    event = call.account.history.by_id.get(event_id)
    return nothing() if event is None else ok(_shape(call, event))


def list_types(call: Call) -> Response:
    """GET /events/types."""
    rows = [{"key": key, "type": number, "lang": text} for key, number, text in TYPES]
    links = call.self_link("events/types")
    return ok({"_total_items": len(rows), "_links": links, "_embedded": {"events_types": rows}})


def _fits(event: Event, filter_: dict[str, Node]) -> bool:
    checks = (
        ("type", event.type, texts), ("entity", event.entity_type, texts), ("entity_id", event.entity_id, numbers),
        ("created_by", event.created_by, numbers), ("id", event.id, texts),
    )  # fmt: skip
    for name, value, read in checks:
        wanted: Any = read(filter_.get(name))
        if wanted and value not in wanted:
            return False
    return all(_fits_value(getattr(event, name), filter_.get(name)) for name in ("value_after", "value_before"))


def _fits_value(values: list[dict[str, Any]], wanted: Node | None) -> bool:
    """Only stages can be asked for here; amoCRM knows more."""
    stages = wanted.get("leads_statuses") if isinstance(wanted, dict) else None
    if not isinstance(stages, dict):
        return True
    told = values[0].get("lead_status", {}) if values else {}
    return any(
        isinstance(stage, dict)
        and told.get("pipeline_id") in numbers(stage.get("pipeline_id"))
        and told.get("id") in numbers(stage.get("status_id"))
        for stage in stages.values()
    )


def _shape(call: Call, event: Event) -> dict[str, Any]:
    path = f"{PLURALS[event.entity_type]}/{event.entity_id}"
    return {
        "id": event.id, "type": event.type, "entity_id": event.entity_id, "entity_type": event.entity_type,
        "created_by": event.created_by, "created_at": event.created_at, "value_after": event.value_after,
        "value_before": event.value_before, "account_id": call.account.id,
        "_links": call.self_link(f"events/{event.id}"),
        "_embedded": {"entity": {"id": event.entity_id, "_links": call.self_link(path)}},
    }  # fmt: skip
