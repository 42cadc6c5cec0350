"""What people ask of one delivery, in the admin and on our pages: its body, what it did, and who has to mend it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import bodies
from integrations.amocrm.payloads import parse_delivery
from integrations.models import ProcessingStatus, WebhookLog
from integrations.models.retention import removed_on
from leads.amounts import number
from leads.models import Lead, LeadStatusHistory

PARSED_BYTES = 2 * 1024 * 1024
SHOWN_ROWS = 50


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a delivery did: `leads` and `strangers` (deals without a lead) are of its first deals, `more` are left out.
    `changes` are the changes of stage that it told of.
    """

    leads: list[Lead]
    strangers: list[int]
    changes: list[LeadStatusHistory]
    more: int


def deeds_of(delivery: WebhookLog) -> Deeds:
    deals = _deals_named(delivery)
    shown = deals[:SHOWN_ROWS]
    of_deals = {"user_account": delivery.user_account_id, "amocrm_lead_id__in": shown}
    leads = list(Lead.objects.filter(**of_deals).order_by("amocrm_lead_id"))
    known = {lead.amocrm_lead_id for lead in leads}
    changes = LeadStatusHistory.objects.filter(**of_deals, webhook_data__delivery_id=delivery.pk)
    return Deeds(
        leads,
        [deal_id for deal_id in shown if deal_id not in known],
        list(changes.order_by("changed_at", "tie")[:SHOWN_ROWS]),
        len(deals) - len(shown),
    )


def _deals_named(delivery: WebhookLog) -> list[int]:
    """Ids of all deals that the body names, each once. Of a huge or an erased body only its first deal."""
    body = bytes(delivery.raw_body)
    if not body or len(body) > PARSED_BYTES:
        return [delivery.lead_id] if delivery.lead_id else []
    deals = parse_delivery(body, delivery.content_type).deals
    return list(dict.fromkeys(news.snapshot.deal_id for news in deals))


def body_shown(delivery: WebhookLog) -> dict[str, Any]:
    """The body for a template; what would fill a browser is cut."""
    body = bytes(delivery.raw_body)
    return {
        "size": len(body),
        "is_cut": len(body) > bodies.SHOWN_BYTES,
        "tree": bodies.tree(delivery.deal_data) if delivery.deal_data is not None else "",
        "readable": bodies.readable(body, delivery.content_type),
        "raw": bodies.as_text(body[: bodies.SHOWN_BYTES]),
    }


def body_file(delivery: WebhookLog) -> HttpResponse:
    """The raw body as a file: never shown by the browser, for it is a stranger's."""
    response = HttpResponse(bytes(delivery.raw_body), content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="delivery-{delivery.pk}.txt"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def replayed_text(queued: int) -> str:
    text = ngettext("%(n)s delivery is queued again.", "%(n)s deliveries are queued again.", queued)
    return text % {"n": number(queued)}


def removal_text(account_ids: Sequence[uuid.UUID] | None, delivery_id: int) -> str:
    """When a delivery of these accounts (None: of any) was removed, for who looks for it; empty if it never was."""
    day = removed_on(account_ids, delivery_id)
    if day is None:
        return ""
    text = _("Delivery #%(id)s was removed on %(day)s: it had been kept as long as the account wishes.")
    return text % {"id": delivery_id, "day": date_format(day)}


def mend_hint(delivery: WebhookLog) -> str:
    """Who has to do what, for the statuses that wait for somebody."""
    if delivery.processing_status == ProcessingStatus.ERROR:
        return _("It will not be tried again by itself. Mend what the message names, then press “Replay”.")
    if delivery.processing_status == ProcessingStatus.PARTIAL:
        return _("Some of its deals were applied. “Replay” tries all of them again; what is applied stays as it is.")
    if delivery.processing_status == ProcessingStatus.RECEIVED:
        return _("It waits for its turn, or for the connection: see amoCRM connections.")
    return ""
