"""Deliveries at both doors: straight through the ASGI application, and through Django with all its middleware."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier, Event
from threading import enumerate as enumerate_threads
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connection, connections
from werkzeug.test import Client

from config import asgi
from config.wsgi import application as django_application
from integrations.intake.answers import MAX_BODY_BYTES
from integrations.intake.door import gathering
from integrations.intake.signature import Sender, sign
from integrations.intake.store import Arrival, NotStored, store
from integrations.intake.urls import ADDRESSES
from integrations.models import Hook, WebhookLog
from leads.models import UserAccount

FORM = "application/x-www-form-urlencoded"
REQUEST_ID = {"X-Amocrm-Requestid": "abc"}
BODY = b"leads[add][0][id]=5&account[id]=1&broken=%FF%&="


@dataclass(frozen=True, slots=True)
class Reply:
    status_code: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


Door = Callable[..., Reply]


def through_django(
    path: str, query: dict[str, str], parts: Sequence[bytes], method: str = "POST", **headers: str
) -> Reply:
    headers = {**REQUEST_ID, **headers}
    reply = Client(django_application).open(
        path, method=method, query_string=query, data=b"".join(parts), content_type=FORM, headers=headers
    )
    return Reply(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.data)


def straight(path: str, query: dict[str, str], parts: Sequence[bytes], method: str = "POST", **headers: str) -> Reply:
    return asyncio.run(_asked(path, query, parts, method, headers))


async def _asked(
    path: str, query: dict[str, str], parts: Sequence[bytes], method: str, headers: dict[str, str]
) -> Reply:
    asked = _conversation(path, query, method, headers)
    for at, part in enumerate(parts, start=1):
        await asked.send_input({"type": "http.request", "body": part, "more_body": at < len(parts)})
    start = await asked.receive_output(timeout=60)
    body = b""
    while (event := await asked.receive_output(timeout=60)).get("more_body"):
        body += event["body"]
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], answered, body + event["body"])


def _conversation(
    path: str, query: dict[str, str], method: str, headers: dict[str, str] | None = None
) -> Any:  # the communicator is not annotated
    headers = {"Content-Type": FORM, **REQUEST_ID, **(headers or {})}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": urlencode(query).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    return cast("Any", ApplicationCommunicator)(asgi.application, scope)


@pytest.fixture(autouse=True)
def _connections_end_with_the_test(transactional_db: None) -> Iterator[None]:
    """Those of the threads in which the product keeps them: a test database that somebody holds cannot be dropped."""
    yield
    if gathering._thread is not None:
        in_intake_thread(connections.close_all)
    close_connections(asgi.django_in_threads.executor)


def in_intake_thread(job: Callable[[], None]) -> None:
    is_done = Event()
    gathering._jobs.put(job)
    gathering._jobs.put(is_done.set)
    assert is_done.wait(timeout=60)


def close_connections(executor: ThreadPoolExecutor) -> None:
    """Of every thread it has: they wait for one another, so that none does another's share."""
    all_there = Barrier(executor._max_workers)

    def close() -> None:
        connections.close_all()
        all_there.wait(timeout=60)

    for closing in [executor.submit(close) for _ in range(executor._max_workers)]:
        closing.result()


@pytest.fixture(params=[straight, through_django])
def door(request: pytest.FixtureRequest) -> Door:
    chosen: Door = request.param
    return chosen


@pytest.fixture
def alfa() -> UserAccount:
    return UserAccount.objects.create(name="Alfa")


def signed(account: UserAccount, hook: Hook = Hook.AMOCRM, version: int = 1) -> dict[str, str]:
    return {"user_id": str(account.pk), "sig": sign(account.pk, hook, version)}


@pytest.mark.parametrize("spelling", ["/{}", "/{}/", "/api/{}", "/api/{}/"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_delivery_is_stored_as_it_came(door: Door, alfa: UserAccount, address: str, spelling: str) -> None:
    hook = ADDRESSES[address]
    answer = door(spelling.format(address), signed(alfa, hook), [BODY])
    row = WebhookLog.objects.get()
    assert (answer.status_code, answer.json) == (200, {"success": True, "delivery_id": row.pk})
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.data)
    assert (bytes(row.raw_body), row.content_type, row.request_id) == (BODY, FORM, "abc")
    assert (row.user_account_id, row.source, row.processing_status) == (alfa.pk, hook, "received")


def test_what_is_not_signed_for_this_hook_is_refused_and_leaves_no_row(door: Door, alfa: UserAccount) -> None:
    good = signed(alfa)
    bad: list[dict[str, str]] = [
        {},
        {"user_id": good["user_id"]},
        {"sig": good["sig"]},
        good | {"sig": good["sig"][:-1] + "x"},
        good | {"user_id": "nobody"},
        signed(alfa, Hook.TRAFFIC),
        signed(alfa, version=2),
        signed(UserAccount(name="Unknown")),
    ]
    for query in bad:
        answer = door("/webhooks/amocrm", query, [BODY])
        assert answer.status_code == 403
        assert "not signed" in answer.json["detail"]
    assert not WebhookLog.objects.exists()


@pytest.mark.parametrize(("method", "code", "said"), [("POST", 403, "не подписан"), ("GET", 405, "POST")])
def test_a_refusal_is_said_in_the_language_of_who_asks(door: Door, method: str, code: int, said: str) -> None:
    russian = {"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}
    answer = door("/webhooks/amocrm", {}, [BODY], method, **russian)
    assert (answer.status_code, said in answer.json["detail"]) == (code, True)
    assert re.search("[а-я]", answer.json["detail"])
    again = door("/webhooks/amocrm", {}, [BODY], method)
    assert not re.search("[а-я]", again.json["detail"])


def test_a_retired_key_is_refused_and_the_next_one_taken(door: Door, alfa: UserAccount) -> None:
    UserAccount.objects.update(hook_key_version=2, hook_key_oldest=2)
    assert door("/webhooks/amocrm", signed(alfa, version=1), [BODY]).status_code == 403
    assert door("/webhooks/amocrm", signed(alfa, version=2), [BODY]).status_code == 200


def test_ten_megabytes_are_stored_and_more_is_413(door: Door, alfa: UserAccount) -> None:
    assert door("/webhooks/amocrm", signed(alfa), [b"x" * MAX_BODY_BYTES]).status_code == 200
    assert len(WebhookLog.objects.get().raw_body) == MAX_BODY_BYTES
    answer = door("/webhooks/amocrm", signed(alfa), [b"x" * MAX_BODY_BYTES, b"x"])
    assert (answer.status_code, WebhookLog.objects.count()) == (413, 1)
    assert "10 MB" in answer.json["detail"]


def test_an_empty_body_is_stored(door: Door, alfa: UserAccount) -> None:
    assert door("/webhooks/amocrm", signed(alfa), [b""]).status_code == 200
    assert bytes(WebhookLog.objects.get().raw_body) == b""


def test_a_body_in_pieces_is_stored_whole_by_either_door(alfa: UserAccount) -> None:
    assert straight("/webhooks/amocrm", signed(alfa), [BODY[:7], b"", BODY[7:]]).status_code == 200
    # Chunked, without a length: Django would take it for empty.
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(BODY), "wsgi.input_terminated": True}
    door = Client(django_application)
    answer = door.post("/webhooks/amocrm", query_string=signed(alfa), content_type=FORM, environ_overrides=chunked)
    assert answer.status_code == 200
    assert [bytes(row.raw_body) for row in WebhookLog.objects.all()] == [BODY, BODY]


def test_who_hangs_up_in_the_middle_of_a_body_leaves_no_row(alfa: UserAccount) -> None:
    async def hang_up() -> None:
        asked = _conversation("/webhooks/amocrm", signed(alfa), "POST")
        await asked.send_input({"type": "http.request", "body": BODY, "more_body": True})
        await asked.send_input({"type": "http.disconnect"})
        await asked.wait(timeout=60)
        assert asked.output_queue.empty()

    asyncio.run(hang_up())
    assert not WebhookLog.objects.exists()


def test_who_is_refused_is_told_after_all_was_sent_but_not_for_ever(alfa: UserAccount) -> None:
    async def refused(parts: Sequence[bytes]) -> int:
        asked = _conversation("/webhooks/amocrm", {"user_id": str(alfa.pk)}, "POST")
        for part in parts[:-1]:
            await asked.send_input({"type": "http.request", "body": part, "more_body": True})
            assert await asked.receive_nothing()
        await asked.send_input({"type": "http.request", "body": parts[-1], "more_body": len(parts[-1]) > 1})
        return int((await asked.receive_output(timeout=60))["status"])

    assert asyncio.run(refused([BODY, b"x"])) == 403
    assert asyncio.run(refused([BODY, b"x" * MAX_BODY_BYTES])) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_post_delivers(door: Door, alfa: UserAccount, method: str) -> None:
    answer = door("/webhooks/amocrm/", signed(alfa), [b""], method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not WebhookLog.objects.exists()


def test_the_hooks_test_address_answers_in_place(door: Door) -> None:
    answer = door("/webhook/amocrm/traffic/test", {}, [b""], "GET")
    assert answer.json["endpoint"] == "/webhook/amocrm/traffic"


@contextmanager
def table_away() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhook_logs RENAME TO webhook_logs_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhook_logs_away RENAME TO webhook_logs")


def test_what_the_database_does_not_take_is_never_acknowledged(door: Door, alfa: UserAccount) -> None:
    with table_away():
        answer = door("/webhooks/amocrm", signed(alfa), [BODY])
    assert answer.status_code == 503
    assert answer.json["detail"]
    assert door("/webhooks/amocrm", signed(alfa), [BODY]).status_code == 200


def arrivals(account: UserAccount, versions: Iterable[int]) -> list[Arrival]:
    return [
        Arrival(Sender(account.pk, Hook.AMOCRM, version), str(number).encode())
        for number, version in enumerate(versions)
    ]


async def gathered(sent: Iterable[Arrival]) -> list[int | BaseException | None]:
    return await asyncio.gather(*map(gathering.store, sent), return_exceptions=True)


def test_deliveries_that_come_together_are_stored_together_and_each_gets_its_own_answer(alfa: UserAccount) -> None:
    versions = [1, 2, 1] * 200  # the second of three is signed with a key that is not this account's
    ids = asyncio.run(gathered(arrivals(alfa, versions)))
    bodies = {row.pk: bytes(row.raw_body) for row in WebhookLog.objects.all()}
    told = {stored: str(number).encode() for number, stored in enumerate(ids) if stored is not None}
    assert told == bodies
    assert [stored is not None for stored in ids] == [version == 1 for version in versions]


def test_when_a_batch_cannot_be_stored_all_who_wait_are_told_and_the_next_is_taken(alfa: UserAccount) -> None:
    with table_away():
        outcomes = asyncio.run(gathered(arrivals(alfa, [1] * 5)))
    assert [type(outcome) for outcome in outcomes] == [NotStored] * 5
    assert all(asyncio.run(gathered(arrivals(alfa, [1] * 5))))


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """How large the bodies were that were stored together."""
    noted: list[list[int]] = []

    def note(batch: Sequence[Arrival]) -> list[int | None]:
        noted.append([len(arrival.body) for arrival in batch])
        return store(batch)

    monkeypatch.setattr("integrations.intake.gathering.store", note)
    return noted


def test_a_batch_has_no_more_rows_than_a_statement_should(
    alfa: UserAccount, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.intake.gathering.BATCH_ROWS", 20)
    assert all(asyncio.run(gathered(arrivals(alfa, [1] * 30))))
    assert list(map(len, batches)) == [20, 10]


def test_a_batch_is_no_larger_than_a_statement_may_be(
    alfa: UserAccount, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.intake.gathering.BATCH_BYTES", 3)
    large = Arrival(Sender(alfa.pk, Hook.AMOCRM, 1), b"larger than any batch")
    assert all(asyncio.run(gathered([*arrivals(alfa, [1] * 5), large, *arrivals(alfa, [1] * 12)])))
    assert batches == [[1, 1, 1], [1, 1], [len(large.body)], *[[1, 1, 1]] * 3, [1, 2], [2]]


async def turns_of_the_loop() -> None:
    for _turn in range(3):
        await asyncio.sleep(0)


def test_what_comes_while_a_batch_is_stored_makes_up_the_next(alfa: UserAccount, batches: list[list[int]]) -> None:
    async def two_and_then_one_by_one() -> list[int | None]:
        goes_on = Event()
        gathering._jobs.put(goes_on.wait)
        first, second, *others = arrivals(alfa, [1] * 5)
        tasks = [asyncio.create_task(gathering.store(arrival)) for arrival in (first, second)]
        await turns_of_the_loop()
        for arrival in others:
            tasks.append(asyncio.create_task(gathering.store(arrival)))
            await turns_of_the_loop()
        goes_on.set()
        return await asyncio.gather(*tasks)

    assert all(asyncio.run(two_and_then_one_by_one()))
    assert list(map(len, batches)) == [2, 3]
    [only] = (thread for thread in enumerate_threads() if thread.name == "intake")
    assert only.daemon, "it keeps no process from ending"


def test_who_no_longer_waits_keeps_nobody_else_waiting(alfa: UserAccount) -> None:
    async def one_gives_up() -> list[int | None]:
        tasks = [asyncio.create_task(gathering.store(arrival)) for arrival in arrivals(alfa, [1, 1, 1])]
        await asyncio.sleep(0)  # all three are waiting now
        tasks[1].cancel()
        return [await tasks[0], await tasks[2]]

    assert all(asyncio.run(one_gives_up()))


def test_of_those_who_hung_up_while_the_database_stood_still_nothing_is_kept(alfa: UserAccount) -> None:
    async def hangs_up_meanwhile() -> list[int | None]:
        goes_on = Event()
        gathering._jobs.put(goes_on.wait)
        first, hasty, patient = arrivals(alfa, [1, 1, 1])
        under_way = asyncio.create_task(gathering.store(first))
        await turns_of_the_loop()
        waiting = [asyncio.create_task(gathering.store(arrival)) for arrival in (hasty, patient)]
        await turns_of_the_loop()
        waiting[0].cancel()
        await turns_of_the_loop()
        goes_on.set()
        return [await under_way, await waiting[1]]

    assert all(asyncio.run(hangs_up_meanwhile()))
    assert {bytes(row.raw_body) for row in WebhookLog.objects.all()} == {b"0", b"2"}


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file is locked for seconds only")
def test_while_the_database_is_silent_amocrm_is_told_to_send_again(alfa: UserAccount) -> None:
    """A 503 is sent again four times within an hour and a half, what got no answer twice within twenty minutes."""

    other = connections.create_connection("default")
    other.ensure_connection()

    async def answers() -> list[int]:
        def posted() -> Any:
            return _asked("/webhooks/amocrm", signed(alfa), [BODY], "POST", {})

        with other.connection.transaction():  # as by whoever makes an index of it, or moves it (`VACUUM FULL`)
            other.connection.execute("LOCK TABLE webhook_logs IN SHARE MODE")
            refused = [(await posted()).status_code for _time in range(2)]
        return [*refused, (await posted()).status_code]

    assert asyncio.run(answers()) == [503, 503, 200]
    other.close()
    assert WebhookLog.objects.count() == 2  # the first was under way; what waited behind it is sent again


@pytest.mark.skipif(connection.vendor == "sqlite", reason="the connection to a file does not die")
def test_a_connection_that_died_is_replaced_and_the_delivery_stored(alfa: UserAccount) -> None:
    assert straight("/webhooks/amocrm", signed(alfa), [BODY]).status_code == 200
    in_intake_thread(lambda: connection.connection.close())
    assert straight("/webhooks/amocrm", signed(alfa), [BODY]).status_code == 200
    assert WebhookLog.objects.count() == 2


@pytest.mark.skipif(connection.vendor == "sqlite", reason="prepares nothing")
def test_a_pooler_that_forgets_what_was_prepared_loses_no_delivery_and_nobody_else_prepares(alfa: UserAccount) -> None:
    left: list[int | None] = []

    def forget() -> None:
        left.append(connection.connection.prepare_threshold)
        connection.connection.pgconn.exec_(b"DEALLOCATE ALL")

    for _delivery in range(3):
        assert straight("/webhooks/amocrm", signed(alfa), [BODY]).status_code == 200
        in_intake_thread(forget)
    assert WebhookLog.objects.count() == 3
    assert left == [None] * 3


def test_the_rest_goes_through_django() -> None:
    answer = straight("/healthz", {}, [b""], "GET")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})
    assert "content-security-policy" in answer.headers


def test_a_delivery_may_name_any_host_and_all_else_only_ours(alfa: UserAccount) -> None:
    delivered = straight("/webhooks/amocrm", signed(alfa), [BODY], Host="evil.example")
    assert (delivered.status_code, set(delivered.headers)) == (200, {"content-type", "content-length"})
    assert "evil" not in delivered.data.decode()
    assert straight("/login/", {}, [b""], "GET", Host="evil.example").status_code == 400
    assert straight("/login/", {}, [b""], "GET", Host="localhost").status_code == 200
