from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.db.models import F
from pytest_django import Settings

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import Blocked, RateLimited
from integrations.amocrm.pacing import Priority, ProbeDue
from integrations.amocrm.rate import Bucket
from integrations.models import AmoCRMConnection, RateSlot
from integrations.tests import parallel
from leads.clock import shared_now
from leads.models import UserAccount
from sandbox import Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seven(settings: Settings) -> None:
    settings.AMOCRM_REQUESTS_PER_SECOND = 7


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for other in times if 0 <= other - start < 1.0) for start in times)


def test_threads_share_the_rate_evenly_and_without_bursts(seven: None) -> None:
    sent: list[float] = []

    def send() -> None:
        bucket = Bucket("demo.amocrm.ru")
        for _ in range(4):
            slot = bucket.take()
            sent.append(time.monotonic())
            bucket.done(slot)
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 20
    assert most_in_a_second(sent) <= 7
    assert max(sent) - min(sent) < 19 * 0.16 * 4  # shared, not taken in turns


def test_processes_together_stay_within_seven_in_any_one_second(
    connected: UserAccount, amocrm: Server, seven: None
) -> None:
    pk = AmoCRMConnection.objects.get(user_account=connected).pk
    running = parallel.start("read", 3, connection=pk, requests=8)
    assert parallel.answers(running) == [8, 8, 8]
    assert len(amocrm.crm.requests) == 24
    assert amocrm.crm.max_in_any_second() <= 7


def test_a_late_answer_holds_back_the_request_a_whole_rate_later(seven: None) -> None:
    bucket = Bucket("demo.amocrm.ru")
    late = bucket.take()
    for _ in range(5):
        bucket.done(bucket.take())
    answered = time.monotonic()
    bucket.done(late)
    bucket.take()
    eighth = bucket.take()
    assert eighth.number - late.number == 7
    assert eighth.due - answered >= 0.99


def test_who_had_to_queue_for_the_row_does_not_leave_too_soon(seven: None) -> None:
    bucket = Bucket("demo.amocrm.ru")
    bucket.take()
    free = shared_now() + timedelta(seconds=1)
    RateSlot.objects.update(next_free=free.timestamp())
    locked = threading.Event()

    def keep_the_row() -> None:
        with transaction.atomic():
            RateSlot.objects.update(sequence=F("sequence") + 1)
            locked.set()
            while shared_now() < free - timedelta(seconds=0.5):
                pass
        connections.close_all()

    keeper = threading.Thread(target=keep_the_row)
    keeper.start()
    locked.wait()
    bucket.take()
    assert shared_now() >= free - timedelta(milliseconds=10)  # what the spacing leaves for the clocks
    keeper.join()


def test_a_late_answer_holds_back_who_has_a_slot_already(seven: None) -> None:
    bucket = Bucket("demo.amocrm.ru")
    late = bucket.take()
    left: list[float] = []

    def leave() -> None:
        Bucket("demo.amocrm.ru").take()
        left.append(time.monotonic())
        connections.close_all()

    threads = [threading.Thread(target=leave) for _ in range(7)]
    for thread in threads:
        thread.start()
    while RateSlot.objects.get().sequence < late.number + 7 or time.monotonic() < late.due + 0.4:
        pass
    answered = time.monotonic()
    bucket.done(late)
    for thread in threads:
        thread.join()
    assert max(left) - answered >= 0.99


def test_accounts_do_not_wait_for_each_other(settings: Settings) -> None:
    settings.AMOCRM_REQUESTS_PER_SECOND = 0.01
    Bucket("one.amocrm.ru").take()
    began = time.monotonic()
    Bucket("two.amocrm.ru").take()
    assert time.monotonic() - began < 1 / 0.01


def test_a_slot_is_refused_inside_a_transaction() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        Bucket("demo.amocrm.ru").take()


def test_a_short_pause_is_slept_through_by_everyone(seven: None) -> None:
    Bucket("demo.amocrm.ru").take()
    began = time.monotonic()
    Bucket("demo.amocrm.ru").pause(0.5)
    Bucket("demo.amocrm.ru").take()
    assert time.monotonic() - began >= 0.5


def test_a_pause_also_holds_those_who_had_their_slot_already(settings: Settings) -> None:
    settings.AMOCRM_REQUESTS_PER_SECOND = 1  # on a busy machine telling of the pause takes time
    bucket = Bucket("demo.amocrm.ru")
    bucket.take()
    done: list[float] = []

    def take() -> None:
        bucket.take()
        done.append(time.monotonic())
        connections.close_all()

    thread = threading.Thread(target=take)
    first = RateSlot.objects.get().next_free
    thread.start()
    deadline = time.monotonic() + 5
    while RateSlot.objects.get().next_free == first and time.monotonic() < deadline:
        pass
    paused = time.monotonic()
    bucket.pause(1.5)
    thread.join()
    assert done[0] - paused >= 1.4


def test_a_long_pause_is_an_error_that_says_how_long(seven: None) -> None:
    for seconds in (300, 1):  # answers of requests that were under way together: the longest counts
        Bucket("demo.amocrm.ru").pause(seconds)
    with pytest.raises(RateLimited) as caught:
        Bucket("demo.amocrm.ru").take()
    assert caught.value.retry_after == pytest.approx(300, abs=5)


def test_a_block_lets_nothing_through_until_one_probe_is_due(settings: Settings) -> None:
    settings.AMOCRM_BLOCK_PROBE_SECONDS = 60
    bucket = Bucket("demo.amocrm.ru")
    bucket.block()
    for is_probe in (False, True):
        with pytest.raises(Blocked) as caught:
            bucket.take(is_probe=is_probe)
        assert caught.value.retry_after == pytest.approx(60, abs=5)
    RateSlot.objects.update(blocked_until=1.0)
    with pytest.raises(ProbeDue):
        bucket.take()
    bucket.take(is_probe=True)
    with pytest.raises(Blocked):
        bucket.take(is_probe=True)
    bucket.unblock()
    bucket.take()


def test_each_level_goes_before_the_next_and_none_starves(seven: None) -> None:
    served: dict[Priority, list[float]] = {level: [] for level in Priority}
    ends = time.monotonic() + 5.0

    def read(level: Priority) -> None:
        bucket = Bucket("demo.amocrm.ru", priority=level)
        while time.monotonic() < ends:
            slot = bucket.take()
            served[level].append(time.monotonic())
            bucket.done(slot)
        connections.close_all()

    # So many of the first that there is always somebody of them who has to wait, on a slow machine too; as many as of
    # the others together, so that without levels they would get no more than half.
    readers = {Priority.LIVE: 4, Priority.RECONCILIATION: 2, Priority.FIRST_SYNC: 2}
    threads = [threading.Thread(target=read, args=(level,)) for level, count in readers.items() for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live, reconciliation, first = (len(served[level]) for level in Priority)
    assert live > reconciliation + first
    assert min(reconciliation, first) >= 1
    assert most_in_a_second(sorted(at for times in served.values() for at in times)) <= 7


def test_a_first_sync_waits_for_reconciliation(settings: Settings) -> None:
    settings.AMOCRM_REQUESTS_PER_SECOND = 1  # on a busy machine the second comes late, and need not wait for its slot
    host = "patient.amocrm.ru"
    Bucket(host).take()
    Bucket(host, priority=Priority.RECONCILIATION).take()
    until = RateSlot.objects.get().reconciliation_until
    assert until > 0
    Bucket(host, priority=Priority.FIRST_SYNC).take()
    assert time.time() >= until


def test_an_answer_that_always_takes_long_holds_nobody_back(seven: None) -> None:
    bucket = Bucket("demo.amocrm.ru")
    slot = bucket.take()
    late = slot._replace(asked=slot.asked - 0.5)
    bucket.done(late, least=10.0)
    assert RateSlot.objects.get().held == 0.0
    bucket.done(late)
    assert RateSlot.objects.get().held > slot.at + 1.4


def test_who_was_under_way_when_the_account_was_renamed_counts_at_its_new_address(
    connected: UserAccount, amocrm: Server, seven: None
) -> None:
    before = AmoCRMClient(AmoCRMConnection.objects.get())
    AmoCRMConnection.objects.update(host="renamed.amocrm.ru", subdomain="renamed")
    after = AmoCRMClient(AmoCRMConnection.objects.get())

    def ask(client: AmoCRMClient) -> None:
        for _request in range(9):
            client.account()
        connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, (before, after)))
    assert amocrm.crm.max_in_any_second() <= 7
