"""What amoCRM's API answers, as plain values: deals, contacts, pipelines, the account, stage events.

Tolerant by the same rule as the hooks: an unknown or odd value is None or empty, never an exception. Only an entity
without an id raises `ValueError`, for nothing can be said of it; the `…_in` readers of whole answers leave it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations.amocrm.brackets import items_of
from integrations.amocrm.fields import fields_of, phones_of, tags_of
from integrations.amocrm.prices import price_in
from integrations.amocrm.utm import utm_of
from integrations.amocrm.values import id_of, text_of, time_of
from leads.news import ContactSnapshot, DealSnapshot

STAGE_CHANGED = "lead_status_changed"


@dataclass(frozen=True, slots=True)
class StageFacts:
    """A stage as its pipeline lists it. `type` 1 is amoCRM's "unsorted", 0 any other; `color` like `#99ccff`."""

    status_id: int
    name: str
    color: str
    sort: int
    type: int


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """A pipeline with its stages in their order, the system ones (142 won, 143 lost) among them."""

    pipeline_id: int
    name: str
    sort: int
    is_archive: bool
    statuses: tuple[StageFacts, ...]


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The amoCRM account behind a token. Empty text or None: not told (it needs its `with=`, or an older account)."""

    account_id: int
    subdomain: str
    name: str
    currency: str
    timezone: str
    is_api_filter_enabled: bool | None


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A custom field as the account defines it. `code` is upper case, empty for one that people added."""

    field_id: int
    name: str
    code: str
    type: str


@dataclass(frozen=True, slots=True)
class StageEvent:
    """A deal's passing from one stage to another, as the Events API tells it."""

    event_id: str
    deal_id: int
    changed_at: datetime
    from_pipeline_id: int | None
    from_status_id: int | None
    to_pipeline_id: int
    to_status_id: int


def entities_in(answer: object, name: str) -> Iterator[dict[str, Any]]:
    """The entities under `_embedded[name]` of an answer, or of a bare list; nothing of what has neither."""
    node = answer if isinstance(answer, list) else _embedded(answer).get(name)
    yield from (item for item in items_of(node) if isinstance(item, dict))


def deal_from_api(
    data: Mapping[str, Any], *, read_at: datetime, mapping: Mapping[str, str] | None = None
) -> DealSnapshot:
    """A lead of `GET /leads` as it stood at `read_at`. `mapping`: the account's own of fields to UTM keys."""
    created_at, closed_at = time_of(data.get("created_at")), time_of(data.get("closed_at"))
    return DealSnapshot(
        deal_id=_required_id(data, "lead"),
        # Imported deals may have any time or none, and without one nothing would be said of stage, price and win.
        updated_at=time_of(data.get("updated_at")) or closed_at or created_at,
        pipeline_id=id_of(data.get("pipeline_id")),
        status_id=id_of(data.get("status_id")),
        price=_price(data),
        name=text_of(data["name"]) if "name" in data else None,
        created_at=created_at,
        closed_at=closed_at,
        utm=utm_of(fields_of(data), tags_of(data), mapping),
        contact_ids=_contact_ids(data),
        is_deleted=data.get("is_deleted") is True,  # not every answer says it of a deal that is there
        read_at=read_at,
    )


def deals_in(
    answer: object, *, read_at: datetime, mapping: Mapping[str, str] | None = None
) -> tuple[DealSnapshot, ...]:
    """The leads of a page of `GET /leads`."""
    leads = entities_in(answer, "leads")
    return tuple(deal_from_api(lead, read_at=read_at, mapping=mapping) for lead in leads if id_of(lead.get("id")))


def contact_from_api(data: Mapping[str, Any]) -> ContactSnapshot:
    """A contact of `GET /contacts`; its deals where it was asked for `with=leads`."""
    full_name = f"{text_of(data.get('first_name'))} {text_of(data.get('last_name'))}".strip()
    return ContactSnapshot(
        contact_id=_required_id(data, "contact"),
        name=text_of(data.get("name")) or full_name,
        phones=phones_of(fields_of(data)),
        updated_at=time_of(data.get("updated_at")),
        deal_ids=_ids(entities_in(data, "leads")),
    )


def contacts_in(answer: object) -> tuple[ContactSnapshot, ...]:
    """The contacts of a page of `GET /contacts`."""
    return tuple(contact_from_api(item) for item in entities_in(answer, "contacts") if id_of(item.get("id")))


def pipelines_in(answer: object) -> tuple[PipelineFacts, ...]:
    """The pipelines of `GET /leads/pipelines`, in their order."""
    found = [
        PipelineFacts(
            pipeline_id=pipeline_id,
            name=text_of(item.get("name")),
            sort=_number(item.get("sort")),
            is_archive=item.get("is_archive") is True,
            statuses=_stages(item),
        )
        for item in entities_in(answer, "pipelines")
        if (pipeline_id := id_of(item.get("id")))
    ]
    return tuple(sorted(found, key=lambda pipeline: pipeline.sort))


def fields_in(answer: object) -> tuple[FieldFacts, ...]:
    """The fields of a page of `GET /leads/custom_fields`, in their order."""
    return tuple(
        FieldFacts(field_id, text_of(item.get("name")), text_of(item.get("code")).upper(), text_of(item.get("type")))
        for item in entities_in(answer, "custom_fields")
        if (field_id := id_of(item.get("id")))
    )


def account_from_api(data: Mapping[str, Any]) -> AccountFacts:
    """The answer of `GET /account?with=is_api_filter_enabled,datetime_settings`."""
    settings = _embedded(data).get("datetime_settings")
    filters = data.get("is_api_filter_enabled")
    return AccountFacts(
        account_id=_required_id(data, "account"),
        subdomain=text_of(data.get("subdomain")).lower(),
        name=text_of(data.get("name")),
        currency=text_of(data.get("currency")).upper()[:3],
        timezone=text_of(settings.get("timezone")) if isinstance(settings, dict) else "",
        is_api_filter_enabled=filters if isinstance(filters, bool) else None,
    )


def stage_event_from_api(data: Mapping[str, Any]) -> StageEvent | None:
    """An event of `GET /events`; None for one of another kind, or that lacks what a change of stage is made of."""
    before, after = _lead_status(data.get("value_before")), _lead_status(data.get("value_after"))
    deal_id, changed_at = id_of(data.get("entity_id")), time_of(data.get("created_at"))
    to_status_id, to_pipeline_id = id_of(after.get("id")), id_of(after.get("pipeline_id"))
    if data.get("type") != STAGE_CHANGED or not (deal_id and changed_at and to_status_id and to_pipeline_id):
        return None
    return StageEvent(
        event_id=text_of(data.get("id")),
        deal_id=deal_id,
        changed_at=changed_at,
        from_pipeline_id=id_of(before.get("pipeline_id")),
        from_status_id=id_of(before.get("id")),
        to_pipeline_id=to_pipeline_id,
        to_status_id=to_status_id,
    )


def stage_events_in(answer: object) -> tuple[StageEvent, ...]:
    """The changes of stage in a page of `GET /events`, the oldest first (the API promises no order)."""
    events = (event for item in entities_in(answer, "events") if (event := stage_event_from_api(item)))
    return tuple(sorted(events, key=lambda event: (event.changed_at, event.event_id)))


def _stages(pipeline: dict[str, Any]) -> tuple[StageFacts, ...]:
    found = [
        StageFacts(
            status_id=status_id,
            name=text_of(item.get("name")),
            color=text_of(item.get("color"))[:20],
            sort=_number(item.get("sort")),
            type=_number(item.get("type")),
        )
        for item in entities_in(pipeline, "statuses")
        if (status_id := id_of(item.get("id")))
    ]
    return tuple(sorted(found, key=lambda stage: stage.sort))


def _contact_ids(lead: Mapping[str, Any]) -> tuple[int, ...]:
    return _ids(sorted(entities_in(lead, "contacts"), key=lambda contact: contact.get("is_main") is not True))


def _lead_status(values: object) -> dict[str, Any]:
    first = next((item for item in items_of(values) if isinstance(item, dict)), {})
    status = first.get("lead_status")
    return status if isinstance(status, dict) else {}


def _ids(items: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(found for item in items if (found := id_of(item.get("id"))) is not None))


def _embedded(data: object) -> dict[str, Any]:
    embedded = data.get("_embedded") if isinstance(data, Mapping) else None
    return embedded if isinstance(embedded, dict) else {}


def _required_id(data: Mapping[str, Any], what: str) -> int:
    found = id_of(data.get("id"))
    if found is None:
        raise ValueError(f"amoCRM answered a {what} without a usable id")
    return found


def _price(data: Mapping[str, Any]) -> Decimal | None:
    try:
        return price_in(data)
    except ValueError:  # told, but no amount: as good as not told
        return None


def _number(raw: object) -> int:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else 0
