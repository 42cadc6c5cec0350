"""Several at work on an account's rows and rollups at once. SQLite has one writer at a time, so nothing to show."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, transaction

from analytics.models import Sale
from analytics.rollups.folding import refresh
from analytics.tests.test_rollups import World, assert_right
from leads.models import Lead

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="writers at once"),
]


@pytest.fixture
def world() -> World:
    world = World(random.Random("at once"), "Asia/Almaty")
    world.live(30)
    refresh(world.account)
    world.live(10)
    return world


def elsewhere(work: Callable[[], object]) -> Any:
    """Begin to do it on another connection."""

    def do() -> None:
        work()
        connections.close_all()

    return ThreadPoolExecutor(1).submit(do)


def test_a_writer_open_across_a_refresh_loses_nothing(world: World) -> None:
    with transaction.atomic():
        world.live(5)
        elsewhere(lambda: refresh(world.account)).result(timeout=60)
        world.live(5)
    assert_right(world)
    refresh(world.account)
    assert_right(world)


def test_a_lead_and_its_sale_changed_at_once(world: World) -> None:
    lead = Lead.objects.create(user_account=world.account, **world.lead_values() | {"creative": world.creatives[0]})
    values = world.sale_values() | {"lead": lead, "status": "paid"}
    with transaction.atomic():
        Lead.objects.filter(pk=lead.pk).update(creative=world.creatives[1])
        selling = elsewhere(lambda: Sale.objects.create(user_account=world.account, **values))
    selling.result(timeout=60)
    assert_right(world)
    with transaction.atomic():
        Sale.objects.update(amount=5)
        moving = elsewhere(lambda: Lead.objects.filter(pk=lead.pk).update(creative=world.creatives[2]))
    moving.result(timeout=60)
    assert_right(world)


def test_several_refreshers_and_a_writer_end_right(world: World) -> None:
    refreshing = [elsewhere(lambda: refresh(world.account)) for _ in range(3)]
    world.live(20)
    for one in refreshing:
        one.result(timeout=60)
    assert_right(world)
    refresh(world.account)
    assert_right(world)
