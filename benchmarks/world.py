"""A small world to measure in: an account of ours, an amoCRM of the sandbox's in a process of its own, deliveries."""

from __future__ import annotations

import json
import multiprocessing
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from django.db import connections
from django.test import override_settings
from django.utils import timezone

from benchmarks.load import CONTENT_TYPE
from integrations.drain.drain import drain
from integrations.models import AmoCRMConnection, ConnectionState, Hook, ProcessingStatus, WebhookLog
from leads.models import UserAccount
from sandbox import Sandbox, serve

NOWHERE = "http://127.0.0.1:9/hook"
# Deals are of a while ago, so that each change of theirs has a second of its own on amoCRM's clock.
AGO = 1000


def new_account() -> UserAccount:
    return UserAccount.objects.create(name="Bench")


def telling_sandbox(*, has_filter: bool) -> Sandbox:
    """A sandbox without a rate. Its hooks about deals are not sent but kept, for `told` to take out."""
    crm = Sandbox(requests_per_second=1_000_000, account_requests_per_second=1_000_000)
    crm.hook_faults.lose_all = True
    crm.demo.profile.is_api_filter_enabled = has_filter
    crm.demo.subscribe(NOWHERE, ["add_lead", "status_lead"])
    return crm


def told(crm: Sandbox) -> list[bytes]:
    """The bodies of all that the sandbox has told since it was last asked (at most 5,000)."""
    bodies = [delivery.body.encode() for delivery in crm.courier.deliveries]
    crm.courier.clear()
    return bodies


def create_deals(crm: Sandbox, count: int) -> list[bytes]:
    """New deals, each with a contact and a phone of its own. What the hooks say of them."""
    at = crm.demo.clock.now() - AGO
    for number in range(count):
        utm = {"source": "ig", "medium": "cpc", "campaign": "kenesary_tripwire_nov", "content": "reels_01"}
        phone = f"8 701 {number // 10_000:03} {number // 100 % 100:02} {number % 100:02}"
        crm.demo.deals.create(f"Имплантация {number}", price=number, phone=phone, utm=utm, created_at=at)
    return told(crm)


def move_deals(crm: Sandbox) -> list[bytes]:
    """Every deal to the next stage. What the hooks say of it."""
    stage = crm.demo.pipelines.main.stages[2]
    for number, deal_id in enumerate(list(crm.demo.deals.by_id)):
        crm.demo.deals.move(deal_id, stage.id, at=crm.demo.clock.now() - AGO // 2 + number % 100)
    return told(crm)


def delivery_body() -> bytes:
    """A usual delivery of about 2 kB: a deal with its tags and UTM fields."""
    crm = telling_sandbox(has_filter=False)
    utm = {"source": "ig", "medium": "cpc", "campaign": "kenesary_tripwire_nov", "content": "reels_01"}
    crm.demo.deals.create("Имплантация", price=250_000, utm=utm, tags=("instagram", "VIP"))
    return told(crm)[0]


@dataclass(frozen=True, slots=True)
class RemoteCrm:
    """The sandbox in its own process, as it was when it was started there."""

    url: str

    def requests_made(self) -> int:
        """How many API requests have come in so far."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/requests?kind=api&limit=1") as answer:
            return int(json.load(answer)["count"])


@contextmanager
def in_its_own_process(crm: Sandbox) -> Iterator[RemoteCrm]:
    """Serves a copy of `crm` where it takes no time from the worker's Python; all requests of the product go there."""
    # A fork must not share database connections.
    connections.close_all()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(crm, theirs), daemon=True)
    process.start()
    url = ours.recv()
    try:
        with override_settings(AMOCRM_BASE_URL=url, AMOCRM_REQUESTS_PER_SECOND=10_000):
            yield RemoteCrm(url)
    finally:
        ours.send("end")
        process.join()


def _serve(crm: Sandbox, pipe: Connection[Any, Any]) -> None:
    with serve(crm) as server:
        pipe.send(server.url)
        pipe.recv()


def connect(account: UserAccount, crm: Sandbox) -> None:
    """As by a long-lived token; before the sandbox goes into its own process, where the token must be known."""
    profile = crm.demo.profile
    # Every sandbox's account has the same id, and an amoCRM account belongs to one account here.
    AmoCRMConnection.objects.all().delete()
    AmoCRMConnection.objects.create(
        user_account=account,
        state=ConnectionState.CONNECTED,
        access_token=crm.long_lived_token(),
        subdomain=profile.subdomain,
        host=profile.host,
        amocrm_account_id=profile.id,
        currency=profile.currency,
        connected_at=timezone.now(),
        set_up_at=timezone.now(),
    )


def deliver(account: UserAccount, bodies: Sequence[bytes]) -> None:
    """As the intake would have stored them a minute ago: the drain need not wait whether more of a burst arrives."""
    at = timezone.now() - timedelta(minutes=1)
    rows = [
        WebhookLog(user_account=account, source=Hook.AMOCRM, raw_body=body, content_type=CONTENT_TYPE, received_at=at)
        for body in bodies
    ]
    WebhookLog.objects.bulk_create(rows, batch_size=500)


def drain_all(account: UserAccount) -> None:
    """Drain as one worker would, turn after turn.

    :raises RuntimeError: some delivery was not applied, so that a time taken would mean nothing.
    """
    pauses = [0.0]
    while pauses and min(pauses) <= 0:
        pauses.clear()
        drain(account.pk, ring_again=pauses.append)
    failed = WebhookLog.objects.filter(user_account=account).exclude(processing_status=ProcessingStatus.SUCCESS)
    if failed.exists():
        raise RuntimeError(f"{failed.count()} deliveries were not applied: {failed[0].error_message or 'waiting'}")


def drain_one_by_one(account: UserAccount, bodies: Sequence[bytes]) -> None:
    """As a worker would that takes up each delivery for itself."""
    for body in bodies:
        deliver(account, [body])
        drain_all(account)
