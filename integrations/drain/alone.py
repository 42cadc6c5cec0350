"""A delivery that failed for its own sake: three tries alone, the last one deal by deal, then it ends as an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import AmoCRMError
from integrations.drain.applying import apply_batch
from integrations.drain.blame import is_the_connections
from integrations.drain.deliveries import Delivery
from integrations.drain.outcomes import write_outcomes
from integrations.drain.reading import read
from integrations.lease import Lease, LeaseLost
from integrations.models import AmoCRMConnection, ProcessingStatus, WebhookLog
from leads.clock import shared_now
from leads.deals.apply import lock_account
from leads.deals.changes import DealState
from leads.deals.stored import leads_by_deal
from leads.models import UserAccount
from leads.told import told
from leads.turns import is_the_databases

TRIES_ALONE = 3
PAUSES = (timedelta(seconds=1), timedelta(seconds=5))


def fail_alone(
    connection: AmoCRMConnection, client: AmoCRMClient, lease: Lease, delivery: Delivery, error: Exception
) -> None:
    """Count a failed try; after the last one, save what can be saved of the delivery and end it."""
    tries = delivery.log.attempts + 1
    if tries < TRIES_ALONE:
        lease.hold()
        WebhookLog.objects.filter(pk=delivery.log.pk).update(
            attempts=tries, next_attempt_at=Now() + PAUSES[tries - 1], error_message=in_words(error)
        )
        return
    _end(connection, client, lease, delivery, error)


def _end(
    connection: AmoCRMConnection, client: AmoCRMClient, lease: Lease, delivery: Delivery, error: Exception
) -> None:
    account = delivery.log.user_account
    deal_ids = list(dict.fromkeys(news.snapshot.deal_id for news in delivery.parsed.deals))
    is_many = delivery.is_applicable and len(deal_ids) > 1
    failures = _deal_by_deal(connection, client, lease, delivery, deal_ids) if is_many else [in_words(error)]
    if failures:
        is_partial = is_many and len(failures) < len(deal_ids)
        delivery.status = ProcessingStatus.PARTIAL if is_partial else ProcessingStatus.ERROR
    delivery.notes.extend(failures)
    _write(account, lease, delivery)


def _deal_by_deal(
    connection: AmoCRMConnection, client: AmoCRMClient, lease: Lease, delivery: Delivery, deal_ids: Sequence[int]
) -> list[str]:
    """Apply each deal of the delivery by itself. Returns what went wrong, deal by deal.

    The delivery counts as waiting until its last deal: if the drain is killed, the next one applies all of them again.
    """
    account = delivery.log.user_account
    failures: list[str] = []
    for deal_id in deal_ids:
        only = tuple(news for news in delivery.parsed.deals if news.snapshot.deal_id == deal_id)
        part = Delivery(delivery.log, replace(delivery.parsed, deals=only), notes=delivery.notes)
        try:
            lease.hold()
            readings = read(client, account, [part])
            apply_batch(account, [part], readings, lease, shared_now(), is_part=True)
        except LeaseLost:
            raise
        except Exception as error:
            # The other deals of the delivery are not to blame.
            if is_the_databases(error) or is_the_connections(error, connection, client):
                raise
            failures.append(told("Deal %(id)s: %(why)s") % {"id": deal_id, "why": in_words(error)})
    return failures


def _write(account: UserAccount, lease: Lease, delivery: Delivery) -> None:
    told = [news.snapshot.deal_id for news in delivery.parsed.deals]
    with transaction.atomic():
        lock_account(account)
        lease.hold()
        states = {deal_id: DealState.of(lead) for deal_id, lead in leads_by_deal(account, told).items()}
        write_outcomes(account, [delivery], states, timezone.now())


def in_words(error: Exception) -> str:
    """For the admin who will read it: amoCRM's refusals speak for themselves, our own faults name their kind."""
    if isinstance(error, AmoCRMError):
        return str(error)
    return f"{type(error).__name__}: {error}"[:1000]
