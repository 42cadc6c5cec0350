"""What a hook of amoCRM tells: a body of bytes → news of deals and contacts.

The payload is a hint: stored first, read here, and confirmed by asking the CRM before money moves. Whatever a body
holds, it parses; an entity that cannot be told from another (no usable id) is left out and named in the problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from integrations.amocrm.bodies import decode_body
from integrations.amocrm.brackets import items_of
from integrations.amocrm.fields import fields_of, phones_of, tags_of
from integrations.amocrm.hosts import subdomain_of
from integrations.amocrm.prices import price_in, quoted
from integrations.amocrm.utm import utm_of
from integrations.amocrm.values import id_of, text_of, time_of
from leads.news import ContactSnapshot, DealAction, DealSnapshot, Evidence
from leads.told import told

LEAD_ACTIONS = {
    "add": DealAction.ADDED,
    "update": DealAction.UPDATED,
    "status": DealAction.STATUS,
    "responsible": DealAction.RESPONSIBLE,
    "delete": DealAction.DELETED,
    "restore": DealAction.RESTORED,
}
CONTACT_ACTIONS = {
    "add": "add",
    "update": "update",
    "responsible": "update",
    "delete": "delete",
    "restore": "restore",
}
_DELETED_BY = {DealAction.DELETED: True, DealAction.RESTORED: False}
_LEAD_ELEMENT_TYPE = "2"
_MAX_PROBLEMS = 20
MAX_NAMED = 10_000
"""Deals and contacts that are read of one delivery. amoCRM names some hundreds at most; ten megabytes can name a
million of them, which no statement takes and no other delivery should wait for."""


@dataclass(frozen=True, slots=True)
class DealNews:
    """A deal that a delivery told of. With the action `MENTIONED` the snapshot has the id only."""

    action: DealAction
    snapshot: DealSnapshot


@dataclass(frozen=True, slots=True)
class ContactNews:
    """A contact that a delivery told of; `action` is `add`, `update`, `delete` or `restore`."""

    action: str
    snapshot: ContactSnapshot


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """All that one delivery says. `data` is the decoded body, fit for `jsonb`; deals stand in the body's order.

    `account_id` and `subdomain` say which amoCRM account sent it, None where it does not say. `is_cut`: it names more
    than `MAX_NAMED` deals and contacts; those beyond were not read. `has_nameless`: it tells of a deal without an id.
    """

    account_id: int | None
    subdomain: str | None
    deals: tuple[DealNews, ...]
    contacts: tuple[ContactNews, ...]
    data: dict[str, Any]
    problems: tuple[str, ...]
    is_cut: bool = False
    has_nameless: bool = False


@dataclass(slots=True)
class _Reading:
    """A body while it is read. `named` counts the deals and contacts that it names, up to one beyond the bound."""

    mapping: Mapping[str, str]
    now: datetime | None
    delivery_id: int | None
    deals: list[DealNews] = field(default_factory=list)
    contacts: list[ContactNews] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    named: int = 0
    has_nameless: bool = False

    @property
    def is_cut(self) -> bool:
        return self.named > MAX_NAMED

    def take(self, raw_ids: Iterable[object]) -> tuple[int, ...]:
        """The usable ids, each once, as far as the bound allows."""
        taken = list(islice(raw_ids, MAX_NAMED + 1 - self.named))
        self.named += len(taken)
        return _ids(taken)

    def evidence(self, action: DealAction) -> Evidence:
        return Evidence(delivery_id=self.delivery_id, action=action.value)


def parse_delivery(
    body: bytes,
    content_type: str,
    *,
    mapping: Mapping[str, str] | None = None,
    now: datetime | None = None,
    delivery_id: int | None = None,
) -> ParsedDelivery:
    """Read a hook's body. Never raises.

    `mapping` is the account's own of fields to UTM keys (see `utm_of`); times over a day after `now` are not believed;
    `delivery_id` stands in each deal's evidence.
    """
    decoded = decode_body(body, content_type)
    reading = _Reading(mapping or {}, now, delivery_id, problems=list(decoded.problems))
    for entity, action, position, item in _all_entities(decoded.data):
        reading.named += 1
        if reading.is_cut:
            break
        _READERS[entity](reading, action, item, f"{entity}[{action[:40]}][{position}]")
    account_id, subdomain = _account(decoded.data)
    return ParsedDelivery(
        account_id,
        subdomain,
        tuple(reading.deals),
        tuple(reading.contacts),
        decoded.data,
        _shown(reading.problems),
        reading.is_cut,
        reading.has_nameless,
    )


def _all_entities(data: dict[str, Any]) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """What the body tells of: leads, contacts or unsorted, the action, the position under it, the entity."""
    for entity, node in data.items():
        if entity in _READERS and isinstance(node, dict):
            for action, items in node.items():
                for position, item in enumerate(_entities(items)):
                    yield entity, action, position, item


def _entities(items: object) -> Iterator[dict[str, Any]]:
    """The entities under an action: a list, an indexed dictionary, or one without index; a bare id is one too."""
    if isinstance(items, dict) and not isinstance(items.get("id", {}), (dict, list)):
        yield items
    elif isinstance(items, (dict, list)):
        yield from (item if isinstance(item, dict) else {"id": item} for item in items_of(items))
    elif items:
        yield {"id": items}


def _read_lead(reading: _Reading, action: str, item: dict[str, Any], where: str) -> None:
    if action == "note":
        _read_note(reading, item)
        return
    deal_id = id_of(item.get("id"))
    if deal_id is None:
        reading.has_nameless = True
        reading.problems.append(_nameless(item, where))
        return
    known = LEAD_ACTIONS.get(action)
    if known is None:  # an event newer than this table: the deal changed, reading it says how
        _mention(reading, [deal_id])
        return
    reading.deals.append(DealNews(known, _deal(reading, known, deal_id, item, where)))


def _deal(reading: _Reading, action: DealAction, deal_id: int, item: dict[str, Any], where: str) -> DealSnapshot:
    return DealSnapshot(
        deal_id=deal_id,
        updated_at=_time(reading, item, "updated_at", "last_modified"),
        pipeline_id=id_of(item.get("pipeline_id")),
        status_id=id_of(item.get("status_id")),
        price=_price(reading, item, where),
        name=text_of(item["name"]) if "name" in item else None,
        created_at=_time(reading, item, "created_at", "date_create"),
        closed_at=_time(reading, item, "closed_at", "date_close"),
        utm=utm_of(fields_of(item), tags_of(item), reading.mapping),
        contact_ids=_ids([item.get("main_contact_id")]),
        is_deleted=_DELETED_BY.get(action),
        evidence=reading.evidence(action),
    )


def _read_note(reading: _Reading, item: dict[str, Any]) -> None:
    note = item["note"] if isinstance(item.get("note"), dict) else item
    if str(note.get("element_type", _LEAD_ELEMENT_TYPE)) == _LEAD_ELEMENT_TYPE:
        _mention(reading, [note.get("element_id")])


def _read_unsorted(reading: _Reading, _action: str, item: dict[str, Any], _where: str) -> None:
    """An incoming lead, or its accepting (`unsorted[delete]` with `accept_result`): deals are named, no more."""
    _mention(reading, _named_leads(item))


def _named_leads(node: object) -> Iterator[object]:
    if not isinstance(node, (dict, list)):
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key == "lead_id":
            yield value
        elif key == "leads":
            yield from _references(value)
        else:
            yield from _named_leads(value)


def _mention(reading: _Reading, raw_ids: Iterable[object]) -> None:
    action = DealAction.MENTIONED
    for deal_id in reading.take(raw_ids):
        reading.deals.append(DealNews(action, DealSnapshot(deal_id, evidence=reading.evidence(action))))


def _read_contact(reading: _Reading, action: str, item: dict[str, Any], where: str) -> None:
    known = CONTACT_ACTIONS.get(action)
    if known is None or text_of(item.get("type")).lower() == "company":  # companies come under contacts
        return
    contact_id = id_of(item.get("id"))
    if contact_id is None:
        reading.problems.append(_nameless(item, where))
        return
    snapshot = ContactSnapshot(
        contact_id=contact_id,
        name=text_of(item.get("name")),
        phones=phones_of(fields_of(item)),
        updated_at=_time(reading, item, "updated_at", "last_modified"),
        deal_ids=reading.take(_references(item.get("linked_leads_id"))),
    )
    reading.contacts.append(ContactNews(known, snapshot))


def _references(node: object) -> Iterator[object]:
    """Ids under a key: one, a list of ids or of objects, or a dictionary keyed by the ids (`[7][ID]=7`)."""
    if isinstance(node, (str, int)):
        yield from str(node).split(",", MAX_NAMED)
    elif isinstance(node, list):
        yield from (_reference(item) for item in node)
    elif isinstance(node, dict):
        one = _reference(node)
        if one is not None:
            yield one
        else:
            yield from (_reference(item) if item else key for key, item in node.items())


def _reference(item: object) -> object:
    if not isinstance(item, dict):
        return item
    return next((item[key] for key in ("id", "ID", "Id") if key in item), None)


_READERS = {"leads": _read_lead, "unsorted": _read_unsorted, "contacts": _read_contact}


def _ids(raw_ids: Iterable[object]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(found for raw in raw_ids if (found := id_of(raw)) is not None))


def _time(reading: _Reading, item: dict[str, Any], *keys: str) -> datetime | None:
    """The first of the names under which a hook tells a time that holds one: newer hooks tell both, older the last."""
    return next((time for key in keys if (time := time_of(item.get(key), reading.now))), None)


def _price(reading: _Reading, item: dict[str, Any], where: str) -> Decimal | None:
    try:
        return price_in(item)
    except ValueError:
        values = {"where": where, "price": quoted(item.get("price"))}
        reading.problems.append(told("%(where)s: price %(price)s is no amount") % values)
        return None


def _nameless(item: dict[str, Any], where: str) -> str:
    return told("%(where)s: no usable id (%(id)s)") % {"where": where, "id": quoted(item.get("id"))}


def _account(data: dict[str, Any]) -> tuple[int | None, str | None]:
    block = data.get("account")
    return (id_of(block.get("id")), subdomain_of(block)) if isinstance(block, dict) else (None, None)


def _shown(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - _MAX_PROBLEMS
    return (*problems[:_MAX_PROBLEMS], *([told("and %(count)s more") % {"count": more}] if more > 0 else []))
