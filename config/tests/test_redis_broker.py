from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

import config.redis_broker  # noqa: F401 - what is tested here
from soak.servers import Redis


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server")
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


def test_a_connection_that_was_given_up_closes_with_a_message_in_hand(broker: Redis) -> None:
    link = Connection(f"{broker.url}/0")
    queue = link.SimpleQueue("soak")
    queue.put({})
    assert queue.get(timeout=30).acknowledged is False
    channel: Any = link.default_channel
    link.transport.client = None
    channel.close()
    assert channel.closed


def test_a_channel_without_its_connection_says_so_in_words_that_are_waited_out(broker: Redis) -> None:
    link = Connection(f"{broker.url}/0")
    link.connect()
    channel: Any = link.channel()
    channel.connection = None
    with pytest.raises(link.connection_errors):
        channel.queue_purge("soak")


def test_what_a_worker_holds_goes_back_when_it_ends_in_peace(broker: Redis) -> None:
    with Connection(f"{broker.url}/0") as link:
        queue = link.SimpleQueue("soak")
        queue.put({"number": 1})
        queue.get(timeout=30)
    with Connection(f"{broker.url}/0") as link:
        assert link.SimpleQueue("soak").get(timeout=30).payload == {"number": 1}


def test_a_full_broker_is_waited_out_as_a_lost_one_is(broker: Redis) -> None:
    with Connection(f"{broker.url}/0") as link:
        queue = link.SimpleQueue("soak")
        queue.put({})
        message = queue.get(timeout=30)
        broker.limit_memory(1)
        with pytest.raises(link.connection_errors):
            message.ack()
        with pytest.raises(OperationalError), Connection(f"{broker.url}/0") as another:
            another.ensure_connection(max_retries=1, timeout=1)  # as /readyz asks, and a worker before it tries again
        broker.limit_memory(0)
        message.ack()


def test_a_broker_that_became_a_replica_is_waited_out_as_a_lost_one_is(broker: Redis) -> None:
    """As after a failover: another server is to be at that address soon."""
    with Connection(f"{broker.url}/0") as link:
        queue = link.SimpleQueue("soak")
        broker.become_replica()
        with pytest.raises(link.connection_errors):
            queue.get(timeout=30)
    with pytest.raises(OperationalError), Connection(f"{broker.url}/0") as link:
        link.ensure_connection(max_retries=1, timeout=1)  # as /readyz asks: a replica answers pings
    broker.become_master()
    with Connection(f"{broker.url}/0") as link:
        link.SimpleQueue("soak").put({})
