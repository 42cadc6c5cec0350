"""Records as the control API and the board show them: flatter than amoCRM's own, with names in place."""

from __future__ import annotations

from typing import Any

from sandbox.crm.account import CrmAccount
from sandbox.crm.fields import Fields
from sandbox.crm.models import Contact, Deal, Pipeline, Values
from sandbox.rest.shapes import hook_shape


def account_view(account: CrmAccount, deals: int) -> dict[str, Any]:
    """An account with its pipelines, its newest `deals` deals, the bin and the hooks."""
    ids = account.deals.by_updated.page(0, deals, descending=True)
    bin_ = [deal for deal in account.deals.by_id.values() if deal.is_deleted and deal.merged_into is None]
    return account.facts() | {
        "currency_symbol": account.profile.currency_symbol,
        "is_paid": account.profile.is_paid,
        "pipelines": [pipeline_view(pipeline) for pipeline in account.pipelines.by_id.values()],
        "deal_list": [deal_view(account, account.deals[id_]) for id_ in ids],
        "bin": [deal_view(account, deal) for deal in bin_[-20:]],
        "hook_list": [hook_shape(account, hook) for hook in account.hooks.values()],
    }


def pipeline_view(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline and its stages."""
    stages = [
        {"id": stage.id, "name": stage.name, "color": stage.color, "type": stage.type, "sort": stage.sort}
        for stage in pipeline.stages
    ]
    return {"id": pipeline.id, "name": pipeline.name, "is_archive": pipeline.is_archive, "stages": stages}


def deal_view(account: CrmAccount, deal: Deal) -> dict[str, Any]:
    """A deal with its contacts' names and phones, and its fields by code or name."""
    people = [account.contacts[id_] for id_ in deal.contact_ids if id_ in account.contacts.by_id]
    return {
        "id": deal.id, "name": deal.name, "price": deal.price, "pipeline_id": deal.pipeline_id,
        "status_id": deal.status_id, "created_at": deal.created_at, "updated_at": deal.updated_at,
        "closed_at": deal.closed_at, "is_deleted": deal.is_deleted, "merged_into": deal.merged_into,
        "fields": _by_name(account.deals.fields, deal.values),
        "tags": [account.deals.tags.by_id[id_].name for id_ in deal.tag_ids],
        "contacts": [contact_view(account, person) for person in people],
    }  # fmt: skip


def contact_view(account: CrmAccount, contact: Contact) -> dict[str, Any]:
    """A contact with its phones as typed."""
    return {
        "id": contact.id, "name": contact.name, "phones": account.contacts.phones(contact.id),
        "deal_ids": contact.deal_ids, "is_deleted": contact.is_deleted, "updated_at": contact.updated_at,
    }  # fmt: skip


def _by_name(fields: Fields, values: Values) -> dict[str, Any]:
    named = {}
    for field_id, rows in values.items():
        field = fields.by_id[field_id]
        named[field.code or field.name] = rows[0]["value"] if len(rows) == 1 else [row["value"] for row in rows]
    return named
