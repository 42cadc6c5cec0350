"""What people ask of one delivery: which deals it names, and who has to do what about it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations.amocrm.payloads import parse_delivery
from integrations.models import ProcessingStatus, WebhookLog
from integrations.models.retention import removed_on

PARSED_BYTES = 2 * 1024 * 1024


def deals_in(delivery: WebhookLog) -> list[int]:
    """Ids of all deals that the body names, each once. Of a huge or an erased body only its first deal."""
    body = bytes(delivery.raw_body)
    if not body or len(body) > PARSED_BYTES:
        return [delivery.lead_id] if delivery.lead_id else []
    deals = parse_delivery(body, delivery.content_type).deals
    return list(dict.fromkeys(news.snapshot.deal_id for news in deals))


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
