"""Handing out all that is known of a person, as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone

from integrations.models import WebhookLog
from integrations.people import rows
from integrations.people.deliveries import deliveries_about
from leads.models import PersonRequest, User, UserAccount
from leads.people import find_person

_NOT_THEIRS = {"user_account_id", "lease_key", "lease_until", "settles_at"}


def export_person(account: UserAccount, phone: str, *, by: User | None) -> tuple[PersonRequest, dict[str, Any]]:
    """What was written down about it, and all rows about the person with this phone: table → rows by column.

    :raises ValidationError: the text holds no phone, or several.
    """
    person = find_person(account, phone)
    tables: dict[str, list[dict[str, Any]]] = {
        "leads": _rows(rows.leads_of(person)),
        "status_history": _rows(rows.history_of(person)),
        "sales": _rows(rows.sales_of(person)),
        "referral_conversions": _rows(rows.conversions_of(person)),
        "referral_earnings": _rows(rows.earnings_of(person)),
        "referrers": _rows(rows.referrers_of(person)),
        "notifications": _rows(rows.notifications_of(person)),
        "pushes": _rows(rows.pushes_of(person)),
        "tags": _rows(rows.tags_of(person)),
        "sync_gaps": _rows(rows.gaps_of(person)),
        "deliveries": [_delivery(delivery) for delivery in deliveries_about(person)],
    }
    request = PersonRequest.objects.create(
        user_account=account,
        kind=PersonRequest.Kind.EXPORT,
        pseudonym=person.pseudonym,
        done_by=by,
        counts={name: len(found) for name, found in tables.items()},
    )
    about = {"phone": person.asked, "phones": sorted(person.numbers), "account": account.name}
    return request, {**about, "exported_at": timezone.now(), **tables}


def as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _rows(found: QuerySet[Any]) -> list[dict[str, Any]]:
    return [_without_ours(values) for values in found.values()]


def _without_ours(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _NOT_THEIRS}


def _delivery(delivery: WebhookLog) -> dict[str, Any]:
    values = _without_ours(_columns(delivery, leave_out=("raw_body", "deal_data")))
    return values | {"body": bytes(delivery.raw_body).decode("utf-8", "replace")}


def _columns(row: Model, leave_out: Iterable[str]) -> dict[str, Any]:
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in leave_out
    }
