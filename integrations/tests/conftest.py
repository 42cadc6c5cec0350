"""Fixtures of the edge's tests: the sandbox's amoCRM over real HTTP, and an account connected to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from integrations.tests import admin_world
from integrations.tests.world import EVENTS, NOWHERE, connect
from leads.models import UserAccount
from sandbox import Sandbox, Server, serve


@pytest.fixture
def amocrm(settings: Settings) -> Iterator[Server]:
    """The sandbox, where all requests go. Its rate is off: what a rate costs is asked in the rate's own tests."""
    with serve(Sandbox(requests_per_second=1_000_000)) as server:
        settings.AMOCRM_BASE_URL = server.url
        settings.AMOCRM_REQUESTS_PER_SECOND = 10_000
        settings.TELEGRAM_API_URL = f"{server.url}/telegram"
        yield server


@pytest.fixture
def told(amocrm: Server) -> Server:
    """The sandbox with a hook of every event, none of which arrives: tests deliver them as they like."""
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.demo.subscribe(NOWHERE, EVENTS)
    return amocrm


@pytest.fixture
def crm(told: Server) -> Server:
    """The same to the tests of syncs, which mostly deliver nothing."""
    return told


@pytest.fixture
def alfa(transactional_db: None) -> UserAccount:
    return UserAccount.objects.create(name="Alfa")


@pytest.fixture
def connected(alfa: UserAccount, amocrm: Server) -> UserAccount:
    connect(alfa, amocrm)
    return alfa


@pytest.fixture
def world() -> admin_world.World:
    return admin_world.build()
