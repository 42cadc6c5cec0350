"""Records as API v4 shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sandbox.crm.account import CrmAccount
from sandbox.crm.fields import Fields
from sandbox.crm.models import Contact, CustomField, Deal, Hook, Pipeline, Stage, Values
from sandbox.crm.tags import Tags

from .call import Call

PLURALS = {"lead": "leads", "contact": "contacts", "company": "companies"}


def values_shape(fields: Fields, values: Values) -> list[dict[str, Any]] | None:
    """`custom_fields_values`: null when there are none."""
    if not values:
        return None
    shown = []
    for field_id, rows in values.items():
        field = fields.by_id[field_id]
        shown.append(
            {
                "field_id": field_id, "field_name": field.name, "field_code": field.code, "field_type": field.type,
                "values": rows,
            }
        )  # fmt: skip
    return shown


def tags_shape(tags: Tags, tag_ids: Collection[int]) -> list[dict[str, Any]]:
    """`_embedded.tags`."""
    return [{"id": id_, "name": tags.by_id[id_].name, "color": tags.by_id[id_].color} for id_ in tag_ids]


def lead_shape(call: Call, deal: Deal, with_: Collection[str]) -> dict[str, Any]:
    """A lead, with what `with` asks for."""
    account = call.account
    embedded: dict[str, Any] = {"tags": tags_shape(account.deals.tags, deal.tag_ids)}
    if "loss_reason" in with_:
        embedded["loss_reason"] = _loss_reasons(call, deal)
    embedded["companies"] = [_linked(call, "companies", deal.company_id)] if deal.company_id else []
    if "contacts" in with_:
        embedded["contacts"] = [
            {"id": id_, "is_main": place == 0, "_links": call.self_link(f"contacts/{id_}")}
            for place, id_ in enumerate(deal.contact_ids)
        ]
    if "catalog_elements" in with_:
        embedded["catalog_elements"] = []
    shown: dict[str, Any] = {
        "id": deal.id, "name": deal.name, "price": int(deal.price), "responsible_user_id": deal.responsible_user_id,
        "group_id": 0, "status_id": deal.status_id, "pipeline_id": deal.pipeline_id,
        "loss_reason_id": deal.loss_reason_id, "source_id": None, "created_by": deal.created_by,
        "updated_by": deal.updated_by, "created_at": deal.created_at, "updated_at": deal.updated_at,
        "closed_at": deal.closed_at, "closest_task_at": None, "is_deleted": deal.is_deleted,
        "custom_fields_values": values_shape(account.deals.fields, deal.values), "score": None,
        "account_id": account.id, "labor_cost": None, "_links": call.self_link(f"leads/{deal.id}"),
        "_embedded": embedded,
    }  # fmt: skip
    if account.switches.minor_units or account.profile.has_minor_units:
        shown["price_with_minor_units"] = float(deal.price)
    if "is_price_modified_by_robot" in with_:
        shown["is_price_modified_by_robot"] = False
    return shown


def deleted_lead_shape(call: Call, deal: Deal) -> dict[str, Any]:
    """A trashed lead: four fields and no more."""
    return {
        "id": deal.id, "updated_at": deal.updated_at, "updated_by": deal.updated_by, "is_deleted": True,
        "_links": call.self_link(f"leads/{deal.id}"),
    }  # fmt: skip


def contact_shape(call: Call, contact: Contact, with_: Collection[str]) -> dict[str, Any]:
    """A contact or a company."""
    account = call.account
    store = account.companies if contact.kind == "company" else account.contacts
    path = PLURALS[contact.kind]
    embedded: dict[str, Any] = {"tags": tags_shape(store.tags, contact.tag_ids)}
    if "leads" in with_:
        embedded["leads"] = [_linked(call, "leads", deal_id) for deal_id in contact.deal_ids]
    if "customers" in with_:
        embedded["customers"] = []
    if "catalog_elements" in with_:
        embedded["catalog_elements"] = []
    if contact.kind == "contact":
        embedded["companies"] = [_linked(call, "companies", contact.company_id)] if contact.company_id else []
    names: dict[str, Any] = {"id": contact.id, "name": contact.name}
    if contact.kind == "contact":
        names |= {"first_name": contact.first_name, "last_name": contact.last_name}
    return names | {
        "responsible_user_id": contact.responsible_user_id, "group_id": 0, "created_by": contact.created_by,
        "updated_by": contact.updated_by, "created_at": contact.created_at, "updated_at": contact.updated_at,
        "closest_task_at": None, "is_deleted": contact.is_deleted, "is_unsorted": False,
        "custom_fields_values": values_shape(store.fields, contact.values), "account_id": account.id,
        "_links": call.self_link(f"{path}/{contact.id}"), "_embedded": embedded,
    }  # fmt: skip


def stage_shape(call: Call, pipeline: Pipeline, stage: Stage) -> dict[str, Any]:
    """A stage."""
    return {
        "id": stage.id, "name": stage.name, "sort": stage.sort, "is_editable": stage.is_editable,
        "pipeline_id": pipeline.id, "color": stage.color, "type": stage.type, "account_id": call.account.id,
        "_links": call.self_link(f"leads/pipelines/{pipeline.id}/statuses/{stage.id}"),
    }  # fmt: skip


def pipeline_shape(call: Call, pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline with its stages."""
    return {
        "id": pipeline.id, "name": pipeline.name, "sort": pipeline.sort, "is_main": pipeline.is_main,
        "is_unsorted_on": pipeline.is_unsorted_on, "is_archive": pipeline.is_archive, "account_id": call.account.id,
        "_links": call.self_link(f"leads/pipelines/{pipeline.id}"),
        "_embedded": {"statuses": [stage_shape(call, pipeline, stage) for stage in pipeline.stages]},
    }  # fmt: skip


def field_shape(call: Call, path: str, field: CustomField) -> dict[str, Any]:
    """The definition of a custom field."""
    enums = [{"id": enum.id, "value": enum.value, "sort": enum.sort, "code": enum.code} for enum in field.enums]
    return {
        "id": field.id, "name": field.name, "type": field.type, "account_id": call.account.id, "code": field.code,
        "sort": field.sort, "is_api_only": field.is_api_only, "enums": enums or None, "group_id": None,
        "required_statuses": [], "is_deletable": field.code is None, "is_predefined": field.code is not None,
        "entity_type": path, "remind": None, "_links": call.self_link(f"{path}/custom_fields/{field.id}"),
    }  # fmt: skip


def hook_shape(account: CrmAccount, hook: Hook) -> dict[str, Any]:
    """A webhook subscription."""
    return {
        "id": hook.id, "destination": hook.destination, "created_at": hook.created_at, "updated_at": hook.updated_at,
        "account_id": account.id, "created_by": hook.created_by, "sort": hook.sort, "disabled": hook.disabled,
        "settings": hook.settings,
    }  # fmt: skip


def _linked(call: Call, path: str, id_: int | None) -> dict[str, Any]:
    return {"id": id_, "_links": call.self_link(f"{path}/{id_}")}


def _loss_reasons(call: Call, deal: Deal) -> list[dict[str, Any]]:
    reason = call.account.loss_reasons.get(deal.loss_reason_id or 0)
    if reason is None:
        return []
    return [
        {
            "id": reason.id, "name": reason.name, "sort": reason.sort, "created_at": reason.created_at,
            "updated_at": reason.created_at, "_links": call.self_link(f"leads/loss_reasons/{reason.id}"),
        }
    ]  # fmt: skip
