"""What the hooks told of some deals, read again out of the stored bodies.

Leads remember what they are, not who said so, and the deliveries that wait say what no lead knows yet. Only asked about
the few deals on which CRM and leads differ.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db.models import Case, TextField, When
from django.db.models.functions import Cast

from integrations.amocrm.payloads import ParsedDelivery, parse_delivery
from integrations.models import WebhookLog
from integrations.received import received_between
from integrations.sync.hearing import Hearing

_NUMBERS = re.compile(rb"\d{1,19}")
_CHUNK = 200


class Hearsay:
    """The deliveries received since a moment (by our clock), found by the numbers in their bodies."""

    def __init__(self, account_id: uuid.UUID, since: datetime) -> None:
        self._since = since
        self._logs = WebhookLog.objects.filter(user_account_id=account_id).order_by("pk")
        self._seen = 0
        self._by_number: dict[int, list[int]] = defaultdict(list)

    def of_deals(self, deal_ids: Collection[int]) -> dict[int, list[Hearing]]:
        """What was told of each of these deals."""
        wanted = set(deal_ids)
        heard: dict[int, list[Hearing]] = defaultdict(list)
        for received_at, parsed in self._naming(wanted):
            for news in parsed.deals:
                told = news.snapshot
                if told.deal_id in wanted:
                    heard[told.deal_id].append(Hearing.of(told, news.action, received_at))
        return heard

    def of_contacts(self, contact_ids: Collection[int]) -> dict[int, set[datetime | None]]:
        """The times of the news that were told of each of these contacts."""
        wanted = set(contact_ids)
        heard: dict[int, set[datetime | None]] = defaultdict(set)
        for _received_at, parsed in self._naming(wanted):
            for news in parsed.contacts:
                if news.snapshot.contact_id in wanted:
                    heard[news.snapshot.contact_id].add(news.snapshot.updated_at)
        return heard

    def _naming(self, ids: Collection[int]) -> list[tuple[datetime, ParsedDelivery]]:
        if not ids:
            return []
        self._look_for_more()
        keys = sorted({key for entity_id in ids for key in self._by_number.get(entity_id, ())})
        found: list[tuple[datetime, ParsedDelivery]] = []
        for start in range(0, len(keys), _CHUNK):
            logs = self._logs.filter(pk__in=keys[start : start + _CHUNK]).iterator(chunk_size=50)
            found += [(log.received_at, _parsed(log)) for log in logs]
        return found

    def _look_for_more(self) -> None:
        """Note which deliveries hold which numbers: far cheaper than reading them all."""
        fresh = self._logs.filter(pk__gt=self._seen)
        if not self._seen:
            fresh = received_between(fresh, self._since, None, among=self._logs)
        outline = Case(When(erased_at__isnull=False, then=Cast("deal_data", TextField())))
        for key, body, left in fresh.values_list("pk", "raw_body", outline).iterator(chunk_size=50):
            self._seen = key
            for number in {int(digits) for digits in _NUMBERS.findall(bytes(body) or (left or "").encode())}:
                self._by_number[number].append(key)


def _parsed(log: WebhookLog) -> ParsedDelivery:
    """Of a delivery that speaks of somebody who was erased, the outline that is left."""
    if log.erased_at is None:
        return parse_delivery(bytes(log.raw_body), log.content_type)
    return parse_delivery(json.dumps(log.deal_data or {}).encode(), "application/json")
