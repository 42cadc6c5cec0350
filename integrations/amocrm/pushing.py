"""A lead of ours as amoCRM's `leads/complex` takes it, its answer, and finding a deal that we made.

Each deal carries a tag with the lead's id. Nothing else that `complex` takes both stays with the deal and says without
doubt whose it is: `request_id` is not kept, names and phones are not unique, and fields differ by account.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.amocrm.brackets import items_of
from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.entities import deal_from_api, entities_in
from integrations.amocrm.fields import tags_of
from integrations.amocrm.lookups import PAGE, is_all_older
from integrations.amocrm.values import id_of, text_of, time_of

TAG = "Voronka"
_MARK = "voronka-"
_LONGEST_NAME = 250
# How far amoCRM's clock may be behind ours before a deal of ours is not found.
_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class NewDeal:
    """What is sent of a lead. `utm`: by key (`source`, `medium`…); empty values are left out."""

    lead_id: int
    name: str
    phone: str
    utm: dict[str, str]
    pipeline_id: int | None = None


@dataclass(frozen=True, slots=True)
class MadeDeal:
    """What became of it. `is_merged`: amoCRM's duplicate control put it into a deal that was there before.

    `created_at` None: not told.
    """

    lead_id: int
    deal_id: int
    contact_id: int | None = None
    is_merged: bool = False
    created_at: datetime | None = None


def create_deals(client: AmoCRMClient, deals: Collection[NewDeal]) -> dict[int, MadeDeal]:
    """Make a deal with a contact of each lead, by one request (at most 50). Returns them by lead id.

    A lead that is missing from the answer may have become a deal or not.

    :raises RequestError: amoCRM refuses. Of several, some may have become deals all the same.
    :raises Outage: nobody knows what has become of them.
    :raises ConditionError: any other: none has become a deal.
    """
    answer = client.post("leads/complex", [_body(deal) for deal in deals], repeatable=False)
    asked = {str(deal.lead_id): deal.lead_id for deal in deals}
    made: dict[int, MadeDeal] = {}
    for item in items_of(answer):
        deal_id = id_of(item.get("id")) if isinstance(item, dict) else None
        if deal_id is None:
            continue
        for name in _request_ids(item):
            if lead_id := asked.get(name):
                contact_id = id_of(item.get("contact_id"))
                made[lead_id] = MadeDeal(lead_id, deal_id, contact_id, is_merged=item.get("merged") is True)
    return made


def find_deals(client: AmoCRMClient, lead_ids: Collection[int], since: datetime) -> dict[int, MadeDeal]:
    """The deals that were made of these leads since then, by lead id. A page of 250 per request, newest first.

    :raises AmoCRMError: of whatever kind.
    """
    wanted = {f"{_MARK}{lead_id}": lead_id for lead_id in lead_ids}
    found: dict[int, MadeDeal] = {}
    query = {"limit": PAGE, "order[created_at]": "desc", "with": "contacts"}
    for page in client.pages("leads", query):
        born = [_look_at(data, wanted, found) for data in entities_in(page, "leads")]
        if len(found) == len(wanted) or is_all_older(born, since - _CLOCKS_DIFFER):
            break
    return found


def add_tags(client: AmoCRMClient, tags: Collection[tuple[int, str]]) -> None:
    """Put tags onto deals: pairs of a deal's id and a tag, at most 250. Those they have stay.

    :raises RequestError: amoCRM refuses, for the sake of one of them or all.
    :raises ConditionError: the connection's trouble.
    """
    client.patch("leads", [{"id": deal_id, "tags_to_add": [{"name": tag}]} for deal_id, tag in tags])


def _look_at(data: dict[str, Any], wanted: dict[str, int], found: dict[int, MadeDeal]) -> datetime | None:
    deal_id = id_of(data.get("id"))
    for name in tags_of(data):
        lead_id = wanted.get(name)
        if lead_id is not None and deal_id is not None:
            deal = deal_from_api(data, read_at=datetime.now(UTC))
            contact_id = deal.contact_ids[0] if deal.contact_ids else None
            found[lead_id] = MadeDeal(lead_id, deal_id, contact_id, created_at=deal.created_at)
    return time_of(data.get("created_at"))


def _body(deal: NewDeal) -> dict[str, Any]:
    name = deal.name[:_LONGEST_NAME]
    contact: dict[str, Any] = {"name": name, "first_name": name}
    if deal.phone:
        phone = {"value": deal.phone, "enum_code": "WORK"}
        contact["custom_fields_values"] = [{"field_code": "PHONE", "values": [phone]}]
    body: dict[str, Any] = {
        "name": name,
        "request_id": str(deal.lead_id),
        "_embedded": {"tags": [{"name": TAG}, {"name": f"{_MARK}{deal.lead_id}"}], "contacts": [contact]},
    }
    fields = [
        {"field_code": f"UTM_{key.upper()}", "values": [{"value": value}]} for key, value in deal.utm.items() if value
    ]
    if fields:
        body["custom_fields_values"] = fields
    if deal.pipeline_id is not None:
        body["pipeline_id"] = deal.pipeline_id
    return body


def _request_ids(item: dict[str, Any]) -> list[str]:
    told = item.get("request_id")
    return [text_of(one) for one in (told if isinstance(told, list) else [told])]
