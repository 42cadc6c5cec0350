"""A small named world for tests: the account Alfa, connected to the sandbox's amoCRM by a long-lived token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connections
from django.db.models import F
from django.utils import timezone

from integrations.drain.drain import drain
from integrations.intake.signature import Sender
from integrations.intake.store import Arrival, store
from integrations.models import AmoCRMConnection, ConnectionState, Hook, ProcessingStatus, WebhookLog
from leads.models import Lead, UserAccount
from sandbox import CrmAccount, Server

FORM = "application/x-www-form-urlencoded"
EVENTS = ["add_lead", "update_lead", "status_lead", "delete_lead", "restore_lead", "add_contact", "update_contact"]
NOWHERE = "http://127.0.0.1:9/hook"  # the discard port: the sandbox keeps what it could not deliver


def connect(account: UserAccount, server: Server, crm_account: CrmAccount | None = None) -> AmoCRMConnection:
    """Connected, without a hook registered: tests deliver by their own hand."""
    demo = crm_account or server.crm.demo
    return AmoCRMConnection.objects.create(
        user_account=account,
        state=ConnectionState.CONNECTED,
        access_token=server.crm.long_lived_token(demo),
        subdomain=demo.profile.subdomain,
        host=demo.profile.host,
        amocrm_account_id=demo.id,
        currency=demo.profile.currency,
        connected_at=timezone.now(),
        set_up_at=timezone.now(),
    )


def deliver(account: UserAccount, body: str | bytes, *, hook: Hook = Hook.AMOCRM, content_type: str = FORM) -> int:
    """Store a delivery as the intake does. Its id."""
    (delivery_id,) = deliver_together(account, [body], hook=hook, content_type=content_type)
    return delivery_id


def deliver_together(
    account: UserAccount, bodies: Iterable[str | bytes], *, hook: Hook = Hook.AMOCRM, content_type: str = FORM
) -> list[int]:
    """Store what arrived at one moment. Their ids."""
    sender = Sender(account.pk, hook, account.hook_key_version)
    raw = [body.encode() if isinstance(body, str) else body for body in bodies]
    ids = [delivery_id for delivery_id in store([Arrival(sender, body, content_type) for body in raw]) if delivery_id]
    assert len(ids) == len(raw)
    return ids


def drain_all(account: UserAccount, turns: int = 50) -> None:
    """Drain as a worker would, until nothing is due or waits only for a later moment.

    The deliveries came a while ago, so that the drain need not wait whether more of a burst is still to come.
    """
    waiting = WebhookLog.objects.filter(user_account=account, processing_status=ProcessingStatus.RECEIVED)
    waiting.update(received_at=F("received_at") - timedelta(minutes=1))
    for _turn in range(turns):
        pauses: list[float] = []
        drain(account.pk, ring_again=pauses.append)
        if not pauses or min(pauses) > 0:
            return
    raise AssertionError("the drain does not come to an end")


def make_due(account: UserAccount) -> None:
    """The future is now: whatever waits for a later try may be tried."""
    WebhookLog.objects.filter(user_account=account).update(next_attempt_at=None)
    AmoCRMConnection.objects.filter(user_account=account).update(next_attempt_at=None, lease_until=None)


def statuses(account: UserAccount) -> list[str]:
    return list(
        WebhookLog.objects.filter(user_account=account).order_by("id").values_list("processing_status", flat=True)
    )


def bodies(server: Server) -> list[str]:
    """What the sandbox's amoCRM has sent so far, in order."""
    return [delivery.body for delivery in server.crm.courier.deliveries]


def take_over(account: UserAccount, server: Server) -> None:
    """Deliver all that the sandbox has told so far, once, in order."""
    for body in bodies(server):
        deliver(account, body)
    server.crm.courier.clear()


def truth(demo: CrmAccount) -> dict[int, tuple[Any, ...]]:
    """(pipeline, stage, price) of each deal in amoCRM."""
    return {
        deal.id: (deal.pipeline_id, deal.status_id, Decimal(str(deal.price)))
        for deal in demo.deals.by_id.values()
        if not deal.is_deleted
    }


def ours(account: UserAccount) -> dict[int | None, tuple[Any, ...]]:
    """The same of each deal that we know."""
    leads = Lead.objects.filter(user_account=account, amocrm_lead_id__isnull=False, is_deleted=False)
    return {lead.amocrm_lead_id: (lead.current_pipeline_id, lead.current_status_id, lead.price) for lead in leads}


def form(**entries: Any) -> str:
    """A short body by hand: form(**{"leads[add][0][id]": 5})."""
    return "&".join(f"{key}={value}" for key, value in entries.items())


def elsewhere(work: Callable[[], object]) -> Future[object]:
    """Begun on another connection, and as far as it gets while we have what we have locked."""

    def do() -> object:
        try:
            return work()
        finally:
            connections.close_all()

    working = ThreadPoolExecutor(1).submit(do)
    wait([working], timeout=0.7)
    return working
