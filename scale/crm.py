"""A sandbox with a thousand accounts, in a process of its own, and what it would tell of each."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from sandbox import CrmAccount, Sandbox, serve

NOWHERE = "http://127.0.0.1:9/hook"
QUIET_DEALS = 5
NOISY_DEALS = 2_000


@dataclass(frozen=True, slots=True)
class Customer:
    """One amoCRM account: how it is connected, and the bodies of the hooks that it will send."""

    amocrm_id: int
    subdomain: str
    host: str
    currency: str
    token: str
    bodies: list[bytes]


def customers(accounts: int, noise: int) -> tuple[Sandbox, list[Customer]]:
    """The first of them sends `noise` hooks about many deals, each other one a single hook."""
    crm = Sandbox(requests_per_second=7)
    crm.hook_faults.lose_all = True
    chance = random.Random(accounts)
    made = [crm.add_account(f"scale{number}") for number in range(accounts)]
    for account in made:
        account.pipelines.add("Воронка", ["Новая", "В работе", "Приём"])
        account.subscribe(NOWHERE, ["status_lead"])
    noisy, *quiet = made
    bodies = {noisy.id: _moves(crm, noisy, NOISY_DEALS, noise, chance)}
    for account in quiet:
        bodies[account.id] = _moves(crm, account, QUIET_DEALS, 1, chance)
    return crm, [_customer(crm, account, bodies[account.id]) for account in made]


def _moves(crm: Sandbox, account: CrmAccount, deals: int, moves: int, chance: random.Random) -> list[bytes]:
    """Deals with a phone each, then `moves` changes of stage: what the hooks say of them."""
    stages = [stage.id for stage in account.pipelines.main.stages if stage.type == 0]
    begun = crm.clock.now() - 2 * moves - deals
    ids = [
        account.deals.create(
            f"Сделка {number}", phone=f"8 701 {chance.randrange(10**7):07}", created_at=begun, silent=True
        ).id
        for number in range(min(deals, moves) if moves > 1 else deals)
    ]
    told: list[bytes] = []
    for move in range(moves):
        deal_id = ids[move % len(ids)]
        stage = stages[1 + move // len(ids) % 2]
        account.deals.move(deal_id, stage, at=begun + 1 + move)
        told += [delivery.body.encode() for delivery in crm.courier.deliveries]
        crm.courier.clear()
    return told


def _customer(crm: Sandbox, account: CrmAccount, bodies: list[bytes]) -> Customer:
    profile = account.profile
    token = crm.long_lived_token(account)
    return Customer(profile.id, profile.subdomain, profile.host, profile.currency, token, bodies)


@contextmanager
def served(crm: Sandbox) -> Iterator[str]:
    """The address of a copy of `crm` that takes no time from this process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(crm, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def _serve(crm: Sandbox, pipe: Connection[Any, Any]) -> None:
    with serve(crm) as server:
        pipe.send(server.url)
        pipe.recv()
