"""The measurement: the same quiet hooks without noise and with it, what it costs, and where beat puts the syncs."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import requests
from django.db import connection
from django.db.models import F
from django.utils import timezone

from benchmarks.load import CONTENT_TYPE
from benchmarks.tables import Table, whole
from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, ConnectionState, Hook, ProcessingStatus, SyncDue, WebhookLog
from integrations.sync.schedule import plan_syncs
from leads.models import UserAccount
from scale.crm import Customer
from soak.product import PROCESSES, Product
from soak.waiting import wait_for

SENDERS = 8
PATIENCE = 900.0
Say = Callable[[str], None]


def run(product: Product, customers: Sequence[Customer], *, seconds: float, say: Say) -> Iterator[Table]:
    accounts = _connect(customers)
    product.start_all()
    noisy, *quiet = list(zip(accounts, customers, strict=True))
    delays = Table(
        "Until a quiet account's delivery was applied, s", ("", "deliveries", "half", "99 of 100", "longest")
    )
    half = len(quiet) // 2
    say("quiet accounts alone")
    delays.rows.append(_delays("without noise", _sent_over(seconds, quiet[:half])))
    say("the same beside a noisy one")
    noise = threading.Thread(target=_send_all, args=(noisy,))
    noise.start()
    delays.rows.append(_delays("beside a noisy account", _sent_over(seconds, quiet[half:])))
    noise.join()
    waited = timezone.now()
    wait_for("the noise is applied", lambda: not _waiting([noisy[0]]), seconds=PATIENCE)
    took = (timezone.now() - waited).total_seconds()
    delays.notes.append(f"The noise: {whole(len(noisy[1].bodies))} hooks, all applied {took:.0f} s after the last.")
    yield delays
    yield _costs(product, len(accounts))
    yield _spread()


def _connect(customers: Sequence[Customer]) -> list[UserAccount]:
    """As by long-lived tokens, a while ago: pipelines and first syncs are not what is measured here."""
    accounts = UserAccount.objects.bulk_create(UserAccount(name=customer.subdomain) for customer in customers)
    now = timezone.now()
    AmoCRMConnection.objects.bulk_create(
        AmoCRMConnection(
            user_account=account,
            state=ConnectionState.CONNECTED,
            access_token=customer.token,
            subdomain=customer.subdomain,
            host=customer.host,
            amocrm_account_id=customer.amocrm_id,
            currency=customer.currency,
            connected_at=now,
            set_up_at=now,
        )
        for account, customer in zip(accounts, customers, strict=True)
    )
    return accounts


def _sent_over(seconds: float, senders: Sequence[tuple[UserAccount, Customer]]) -> list[UserAccount]:
    """Each sends its hook at a moment of its own within `seconds`; returns when all are applied."""
    chance = random.Random(len(senders))
    moments = sorted((chance.uniform(0, seconds), number) for number in range(len(senders)))
    began = time.monotonic()
    with requests.Session() as session:
        for moment, number in moments:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            account, customer = senders[number]
            _send(session, account, customer.bodies[0])
    accounts = [account for account, _ in senders]
    wait_for("the quiet deliveries are applied", lambda: not _waiting(accounts), seconds=PATIENCE)
    return accounts


def _send_all(sender: tuple[UserAccount, Customer]) -> None:
    account, customer = sender

    def send(bodies: Sequence[bytes]) -> None:
        with requests.Session() as session:
            for body in bodies:
                _send(session, account, body)

    threads = [threading.Thread(target=send, args=(customer.bodies[at::SENDERS],)) for at in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _send(session: requests.Session, account: UserAccount, body: bytes) -> None:
    answer = session.post(hook_url(account, Hook.AMOCRM), data=body, headers={"Content-Type": CONTENT_TYPE}, timeout=60)
    answer.raise_for_status()


def _waiting(accounts: Sequence[UserAccount]) -> bool:
    rows = WebhookLog.objects.filter(user_account__in=accounts, processing_status=ProcessingStatus.RECEIVED)
    return rows.exists()


def _delays(name: str, accounts: Sequence[UserAccount]) -> Sequence[str]:
    rows = WebhookLog.objects.filter(user_account__in=accounts, processing_status=ProcessingStatus.SUCCESS)
    delays = sorted(
        delay.total_seconds() for delay in rows.values_list(F("processed_at") - F("received_at"), flat=True)
    )
    if len(delays) != len(accounts):
        raise RuntimeError(f"{len(delays)} of {len(accounts)} deliveries were applied")
    at = [delays[len(delays) // 2], delays[len(delays) * 99 // 100], delays[-1]]
    return name, whole(len(delays)), *(f"{delay:.2f}" for delay in at)


def _costs(product: Product, accounts: int) -> Table:
    table = Table(f"What {whole(accounts)} accounts cost", ("process", "memory, MB"))
    for name in PROCESSES:
        table.rows.append((name, whole(sum(map(_resident, product.pids(name))) / 1e6)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        table.notes.append(f"Connections to PostgreSQL, this measurement's own one included: {cursor.fetchone()[0]}.")
    return table


def _resident(pid: int) -> int:
    """Bytes; pages that processes share count in each."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def _spread() -> Table:
    """Where beat's next reading of deals puts each account."""
    plan_syncs()
    due: list[datetime] = list(SyncDue.objects.values_list("due_at", flat=True))
    seconds = Counter(moment.replace(microsecond=0) for moment in due)
    minutes = Counter(moment.replace(second=0, microsecond=0) for moment in due)
    table = Table("Syncs by the clock", ("accounts", "minutes", "most in a minute", "most in a second"))
    table.rows.append(
        (whole(len(due)), whole(len(minutes)), whole(max(minutes.values())), whole(max(seconds.values())))
    )
    return table
