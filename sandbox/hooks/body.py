"""Hook bodies as amoCRM sends them: form-encoded, PHP bracket keys, all values strings, fields in the old v2 shape."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sandbox.crm.account import Change, CrmAccount
from sandbox.crm.fields import DATE_TYPES, Fields
from sandbox.crm.models import Contact, Deal, Values
from sandbox.crm.tags import Tags
from sandbox.crm.unsorted import uid_of

Pairs = list[tuple[str, str]]
Entry = tuple[str, Pairs]
"""(`leads[add]`, its fields)"""

ENTITY_KEYS = {"lead": "leads", "contact": "contacts", "company": "contacts", "unsorted": "unsorted"}
"""The key that a body has for an entity: companies come under contacts, told apart by `type`."""


def entry(change: Change, *, short: bool = False) -> Entry:
    """A change as it stands now, for a body that may be sent later.

    `short` is for a Digital-Pipeline hook, which knows the deal's ids and nothing else.
    """
    return f"{ENTITY_KEYS[change.entity]}[{change.action}]", short_pairs(change) if short else pairs_of(change)


def encode(account: CrmAccount, entries: list[Entry], *, short: bool = False) -> str:
    """One delivery's body: the account block, and every entry at its own index."""
    counts: dict[str, int] = {}
    pairs: Pairs = []
    for key, fields in entries:
        at = counts.get(key, 0)
        counts[key] = at + 1
        pairs += [(f"{key}[{at}]{name}", value) for name, value in fields]
    block = account_pairs(account, short=short)
    # Short bodies were seen with the account last, the long ones of today with it first.
    return urlencode(pairs + block if short else block + pairs)


def account_pairs(account: CrmAccount, *, short: bool = False) -> Pairs:
    """Whose hook it is."""
    profile = account.profile
    if short:
        return [("account[id]", str(profile.id)), ("account[subdomain]", profile.subdomain)]
    return [
        ("account[subdomain]", profile.subdomain),
        ("account[id]", str(profile.id)),
        ("account[_links][self]", f"https://{profile.host}"),
    ]


def pairs_of(change: Change) -> Pairs:
    """The fields of one changed thing, keys without the `leads[add][0]` in front."""
    account, record = change.account, change.record
    if isinstance(record, Deal):
        if change.entity == "unsorted":
            return _unsorted_pairs(account, record, change)
        if change.action == "delete":
            return _plain(id=record.id, status_id=record.status_id, pipeline_id=record.pipeline_id)
        return _deal_pairs(account, record, change)
    if change.action == "delete":
        return _plain(id=record.id, type=record.kind)
    return _contact_pairs(account, record, change)


def short_pairs(change: Change) -> Pairs:
    """What a Digital-Pipeline hook says of a deal."""
    record = change.record
    assert isinstance(record, Deal)
    pairs = _plain(id=record.id, status_id=record.status_id, pipeline_id=record.pipeline_id)
    return pairs + _plain(**{key: value for key, value in change.old.items() if key.startswith("old_")})


def _deal_pairs(account: CrmAccount, deal: Deal, change: Change) -> Pairs:
    # `old_pipeline_id` is in no hook of this kind that was ever captured.
    old = {key: value for key, value in change.old.items() if key != "old_pipeline_id"}
    pairs = _plain(name=deal.name, id=deal.id)[::-1] + _plain(status_id=deal.status_id)
    pairs += _plain(**old)
    pairs += _plain(price=int(deal.price))
    if account.switches.minor_units or account.profile.has_minor_units:
        pairs += _plain(price_with_minor_units=f"{deal.price:.2f}")
    pairs += _plain(
        responsible_user_id=deal.responsible_user_id, last_modified=deal.updated_at, modified_user_id=deal.updated_by,
        created_user_id=deal.created_by, date_create=deal.created_at, pipeline_id=deal.pipeline_id,
    )  # fmt: skip
    pairs += _tag_pairs(account.deals.tags, deal.tag_ids)
    pairs += _plain(account_id=account.id)
    pairs += field_pairs(account.deals.fields, deal.values, escape=account.switches.escape_hook_values)
    return pairs + _plain(created_at=deal.created_at, updated_at=deal.updated_at)


def _unsorted_pairs(account: CrmAccount, deal: Deal, change: Change) -> Pairs:
    if change.action == "delete":
        word = "accept" if change.old["accepted"] else "decline"
        pairs = _plain(action=word, uid=uid_of(deal), category="forms", pipeline_id=deal.pipeline_id)
        people = [(f"[{word}_result][contacts][{at}]", str(id_)) for at, id_ in enumerate(deal.contact_ids)]
        return [*pairs, (f"[{word}_result][leads][0]", str(deal.id)), *people]
    pairs = _plain(uid=uid_of(deal), category="forms", lead_id=deal.id, pipeline_id=deal.pipeline_id)
    pairs += [("[source_data][form_id]", "1"), ("[source_data][form_name]", "Форма на сайте")]
    pairs += [(f"[data][leads][0]{key}", value) for key, value in _plain(id=deal.id, name=deal.name)]
    fields = field_pairs(account.deals.fields, deal.values)
    pairs += [(f"[data][leads][0]{key}", value) for key, value in fields]
    for at, contact_id in enumerate(deal.contact_ids):
        contact = account.contacts[contact_id]
        told = _plain(id=contact.id, name=contact.name) + field_pairs(account.contacts.fields, contact.values)
        pairs += [(f"[data][contacts][{at}]{key}", value) for key, value in told]
    return pairs + _plain(created_at=deal.created_at)


def _contact_pairs(account: CrmAccount, contact: Contact, change: Change) -> Pairs:
    store = account.companies if contact.kind == "company" else account.contacts
    pairs = _plain(
        id=contact.id, name=contact.name, responsible_user_id=contact.responsible_user_id,
        date_create=contact.created_at, last_modified=contact.updated_at, created_user_id=contact.created_by,
        modified_user_id=contact.updated_by,
    )  # fmt: skip
    company = account.companies.by_id.get(contact.company_id or 0)
    if company is not None:
        pairs += _plain(company_name=company.name, linked_company_id=company.id)
    pairs += _plain(account_id=account.id)
    pairs += _tag_pairs(store.tags, contact.tag_ids)
    pairs += field_pairs(store.fields, contact.values, escape=account.switches.escape_hook_values)
    pairs += [(f"[linked_leads_id][{deal_id}][ID]", str(deal_id)) for deal_id in contact.deal_ids]
    pairs += _plain(**change.old)
    return pairs + _plain(created_at=contact.created_at, updated_at=contact.updated_at, type=contact.kind)


def field_pairs(fields: Fields, values: Values, *, escape: bool = False) -> Pairs:
    """Custom fields in the old shape: numeric enum ids, dates without a `[value]`, the code last if there is one."""
    pairs: Pairs = []
    for at, (field_id, rows) in enumerate(values.items()):
        field = fields.by_id[field_id]
        key = f"[custom_fields][{at}]"
        pairs += [(f"{key}[id]", str(field_id)), (f"{key}[name]", field.name)]
        for place, row in enumerate(rows):
            text = _text(row["value"])
            if escape:
                text = text.replace("&", "&amp;")
            if field.type in DATE_TYPES:
                pairs.append((f"{key}[values][{place}]", text))
                continue
            pairs.append((f"{key}[values][{place}][value]", text))
            if "enum_id" in row:
                pairs.append((f"{key}[values][{place}][enum]", str(row["enum_id"])))
        if field.code:
            pairs.append((f"{key}[code]", field.code))
    return pairs


def _tag_pairs(tags: Tags, tag_ids: list[int]) -> Pairs:
    pairs: Pairs = []
    for at, tag_id in enumerate(tag_ids):
        pairs += [(f"[tags][{at}][id]", str(tag_id)), (f"[tags][{at}][name]", tags.by_id[tag_id].name)]
    return pairs


def _plain(**fields: Any) -> Pairs:
    return [(f"[{name}]", _text(value)) for name, value in fields.items()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
