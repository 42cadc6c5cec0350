"""The doorbell passes rings on: the first at once, and not each of a thousand."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery.signals import before_task_publish

from integrations.intake.doorbell import AGAIN_SECONDS, Doorbell

LONGEST_WAIT = 30.0


@pytest.fixture
def passed_on() -> Iterator[list[tuple[float, str]]]:
    """When, and for which account, a message left for the broker."""
    seen: list[tuple[float, str]] = []

    def note(body: Any, **_signal: object) -> None:
        seen.append((time.monotonic(), body[0][0]))

    before_task_publish.connect(note)
    yield seen
    before_task_publish.disconnect(note)


def wait(ends: float) -> None:
    assert time.monotonic() < ends
    time.sleep(0.01)


def test_an_account_that_rings_all_the_time_is_passed_on_now_and_then(passed_on: list[tuple[float, str]]) -> None:
    bell, loud, lone = Doorbell(), uuid.uuid4(), uuid.uuid4()
    ends = time.monotonic() + LONGEST_WAIT
    while [account for _at, account in passed_on].count(str(loud)) < 3:
        bell.ring(loud)
        wait(ends)
    bell.ring(lone)
    while str(lone) not in [account for _at, account in passed_on]:
        wait(ends)
    times = [at for at, account in passed_on if account == str(loud)]
    assert all(after - before >= AGAIN_SECONDS for before, after in itertools.pairwise(times))


def test_what_rings_while_its_account_may_not_be_passed_on_yet_is_passed_on_then(
    passed_on: list[tuple[float, str]],
) -> None:
    bell, account = Doorbell(), uuid.uuid4()
    ends = time.monotonic() + LONGEST_WAIT
    for rings in (1, 2):
        bell.ring(account)
        while len(passed_on) < rings:
            wait(ends)
    assert [passed for _at, passed in passed_on] == [str(account)] * 2
