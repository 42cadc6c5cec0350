"""The waiting deliveries of an account: what is due, read and understood."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from django.db.models import QuerySet

from integrations.amocrm.payloads import MAX_NAMED, ParsedDelivery, parse_delivery
from integrations.models import AmoCRMConnection, ProcessingStatus, WebhookLog
from leads.clock import is_over
from leads.told import told

BATCH_ROWS = 250
# A few bodies of 10 MB each must not fill the memory of a worker.
BATCH_BYTES = 20 * 1024 * 1024


@dataclass(slots=True)
class Delivery:
    """A row of the queue, what it says, and what has become of it so far."""

    log: WebhookLog
    parsed: ParsedDelivery
    status: ProcessingStatus = ProcessingStatus.SUCCESS
    notes: list[str] = field(default_factory=list)

    @property
    def is_applicable(self) -> bool:
        return self.status in (ProcessingStatus.SUCCESS, ProcessingStatus.PARTIAL)

    @property
    def is_bulk(self) -> bool:
        """Whether it names so many that it may hold up the deliveries after it."""
        return len(self.parsed.deals) + len(self.parsed.contacts) > BATCH_ROWS


def waiting(account_id: uuid.UUID) -> QuerySet[WebhookLog]:
    """Deliveries that may be taken now, oldest first."""
    received = WebhookLog.objects.filter(user_account_id=account_id, processing_status=ProcessingStatus.RECEIVED)
    return received.filter(is_over("next_attempt_at")).order_by("id")


def next_batch(connection: AmoCRMConnection) -> list[Delivery]:
    """The next deliveries to work on together. One that has failed before, or that is a bulk, comes alone."""
    batch: list[Delivery] = []
    size = named = 0
    for log in waiting(connection.user_account_id)[:BATCH_ROWS].iterator(chunk_size=50):
        size += len(log.raw_body)
        if batch and (log.attempts or size > BATCH_BYTES):
            break
        delivery = understand(log, connection)
        if batch and delivery.is_bulk:
            break
        batch.append(delivery)
        named += len(delivery.parsed.deals) + len(delivery.parsed.contacts)
        if log.attempts or delivery.is_bulk or named > MAX_NAMED:
            break
    return batch


def understand(log: WebhookLog, connection: AmoCRMConnection) -> Delivery:
    """Parse a delivery and decide whether there is anything in it to apply."""
    mapping = connection.user_account.utm_mapping
    body = bytes(log.raw_body)
    parsed = parse_delivery(body, log.content_type, mapping=mapping, now=log.received_at, delivery_id=log.pk)
    delivery = Delivery(log, parsed)
    delivery.notes.extend(parsed.problems)
    stranger = _stranger(parsed, connection)
    if stranger:
        delivery.status = ProcessingStatus.ERROR
        delivery.notes.insert(0, stranger)
    elif not parsed.deals and not parsed.contacts and parsed.problems:
        delivery.status = ProcessingStatus.ERROR
        delivery.notes.append(told("Nothing in the body could be used. The raw body is kept."))
    elif not parsed.deals and not parsed.contacts:
        delivery.status = ProcessingStatus.IGNORED
        delivery.notes.insert(0, told("Nothing about deals or their contacts."))
    elif parsed.is_cut:
        delivery.status = ProcessingStatus.PARTIAL
        delivery.notes.insert(
            0, told("Only the first %(count)s deals and contacts of the delivery were read.") % {"count": MAX_NAMED}
        )
    elif parsed.has_nameless:
        delivery.status = ProcessingStatus.PARTIAL
    return delivery


def _stranger(parsed: ParsedDelivery, connection: AmoCRMConnection) -> str:
    """Why the delivery is not of this connection's amoCRM account; empty when it is or does not say."""
    ours = connection.amocrm_account_id
    if parsed.account_id is not None and ours is not None:
        if parsed.account_id == ours:
            return ""
        return told(
            "The delivery is of amoCRM account %(theirs)s, but this account is connected to %(ours)s. "
            "Nothing was applied. Remove this hook's address there, or connect that account."
        ) % {"theirs": parsed.account_id, "ours": ours}
    named, known = parsed.subdomain, connection.subdomain.lower()
    if parsed.account_id is None and named and known and named != known:
        return told(
            "The delivery is of “%(theirs)s”, but this account is connected to “%(ours)s”. Nothing was applied."
        ) % {"theirs": named, "ours": known}
    return ""
