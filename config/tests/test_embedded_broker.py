from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue
from kombu.simple import SimpleQueue

from config.embedded_broker import sweep, transport_options

PUBLISHERS, CONSUMERS, EACH = 3, 3, 60
SPAWN = multiprocessing.get_context("spawn")
BELLS = Queue("bells", Exchange("bells"), routing_key="bells")


def connect(folder: Path) -> Connection:
    return Connection("embedded://", transport_options=transport_options(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


@pytest.fixture
def queue(folder: Path) -> Iterator[SimpleQueue]:
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        yield bells


def messages(folder: Path) -> list[Path]:
    return sorted((folder / "messages").glob("*.msg"))


def publish(folder: Path, who: int) -> None:
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        for number in range(EACH):
            bells.put({"who": who, "number": number})


def consume(folder: Path, taken: Any, done: Any) -> None:
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        while not done.is_set():
            try:
                message = bells.get(timeout=0.2)
            except Empty:
                continue
            taken.put((message.payload["who"], message.payload["number"]))
            message.ack()


def take_and_hang(folder: Path, ready: Any) -> None:
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        bells.get(timeout=30)
        ready.set()
        signal.pause()


def test_a_message_is_delivered_once_and_gone_when_acknowledged(folder: Path, queue: SimpleQueue) -> None:
    queue.put({"ring": 1})
    message = queue.get(timeout=30)
    assert message.payload == {"ring": 1}
    assert messages(folder) == []
    message.ack()
    with pytest.raises(Empty):
        queue.get(timeout=0.2)
    assert list((folder / "claims").rglob("*.msg")) == []


def test_messages_come_in_the_order_they_were_sent(queue: SimpleQueue) -> None:
    for number in range(5):
        queue.put(number)
    assert [queue.get(timeout=30).payload for _ in range(5)] == [0, 1, 2, 3, 4]


def test_a_rejected_message_comes_again_if_asked_for(queue: SimpleQueue) -> None:
    queue.put("again")
    queue.get(timeout=30).requeue()
    message = queue.get(timeout=30)
    assert message.payload == "again"
    message.reject()
    with pytest.raises(Empty):
        queue.get(timeout=0.2)


def test_what_a_closed_connection_held_goes_back(folder: Path) -> None:
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        bells.put("held")
        bells.get(timeout=30)
        assert messages(folder) == []
    assert len(messages(folder)) == 1
    assert list((folder / "claims").iterdir()) == []


def test_a_message_taken_without_acknowledgement_leaves_nothing_behind(folder: Path, queue: SimpleQueue) -> None:
    with connect(folder) as link, link.SimpleQueue("bells", no_ack=True) as careless:
        queue.put("once")
        assert careless.get(timeout=30).payload == "once"
        assert list((folder / "claims").rglob("*.msg")) == []


@pytest.mark.parametrize("content", ["", '{"half": ', "[]", "{}", "\x00"])
def test_a_broken_file_is_put_aside_and_stops_nobody(folder: Path, queue: SimpleQueue, content: str) -> None:
    (folder / "messages" / "0.bells.msg").write_text(content)
    (folder / "messages" / "no dot").write_text(content)
    queue.put("whole")
    assert queue.get(timeout=30).payload == "whole"
    assert [path.name for path in (folder / "broken").iterdir()] == ["0.bells.msg"]


def test_a_broken_table_of_an_exchange_is_made_anew(folder: Path, queue: SimpleQueue) -> None:
    (folder / "exchanges" / "bells.exchange").write_text("[[")
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        bells.put("through")
    assert queue.get(timeout=30).payload == "through"


@pytest.mark.parametrize("removed", [".", "messages", "claims", "exchanges"])
def test_a_folder_that_was_removed_is_made_anew(folder: Path, removed: str) -> None:
    with connect(folder) as link, connect(folder) as other, link.SimpleQueue("bells") as bells:
        sender = other.Producer()
        ring = partial(sender.publish, exchange=BELLS.exchange, routing_key=BELLS.routing_key, declare=[BELLS])
        ring("before")
        bells.get(timeout=30).ack()
        shutil.rmtree(folder / removed)
        ring("after")
        message = bells.get(timeout=30)
        assert message.payload == "after"
        message.ack()
        assert messages(folder) == []


def test_a_folder_that_cannot_be_used_is_a_server_that_is_away(folder: Path) -> None:
    with connect(folder) as link, link.SimpleQueue("bells") as bells:
        bells.put("kept")
        (folder / "claims").rmdir()
        (folder / "claims").touch()
        with pytest.raises(link.connection_errors):
            bells.get(timeout=30)
        (folder / "claims").unlink()
        assert bells.get(timeout=30).payload == "kept"


def test_no_message_is_lost_or_doubled_in_a_race(folder: Path) -> None:
    taken, done = SPAWN.Queue(), SPAWN.Event()
    consumers = [SPAWN.Process(target=consume, args=(folder, taken, done)) for _ in range(CONSUMERS)]
    publishers = [SPAWN.Process(target=publish, args=(folder, who)) for who in range(PUBLISHERS)]
    for process in (*consumers, *publishers):
        process.start()
    got = Counter(taken.get(timeout=30) for _ in range(PUBLISHERS * EACH))
    done.set()
    for process in (*consumers, *publishers):
        process.join(timeout=30)
    assert got == Counter((who, number) for who in range(PUBLISHERS) for number in range(EACH))
    assert taken.empty()
    assert [process.exitcode for process in (*consumers, *publishers)] == [0] * (CONSUMERS + PUBLISHERS)


def test_what_a_killed_worker_held_comes_back(folder: Path, queue: SimpleQueue) -> None:
    queue.put("held by the dead")
    ready = SPAWN.Event()
    worker = SPAWN.Process(target=take_and_hang, args=(folder, ready))
    worker.start()
    assert ready.wait(timeout=30)
    assert sweep(folder / "claims", folder / "messages") == 0, "its owner lives"
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(timeout=30)
    assert sweep(folder / "claims", folder / "messages") == 1
    assert queue.get(timeout=30).payload == "held by the dead"
