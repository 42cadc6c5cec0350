"""Redis as the broker, with two things mended: a worker survives a Redis that goes away, or that refuses to work.

When the connection breaks, kombu drops the channel's connection, and later calls over that channel (giving back what
the worker holds, restoring, acknowledging) meet None: an AttributeError, which ends the worker, where a lost connection
would be waited for. What is not given back here is found by the sweeps (law 1) and by Redis' own visibility timeout.

A full Redis refuses even to forget what was acknowledged; one that cannot save refuses all writing; one that becomes a
replica also cuts off blocking calls. Kombu takes these for the caller's mistake, which ends the worker. Here they count
as a broken connection, which is opened anew: by then another server may be at that address. All of them answer pings,
so a connection counts as good only once something could be stored by it.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError

NOBODYS_KEY = "voronka:none"


class QoS(redis.QoS):
    def restore_unacked_once(self, stderr: Any = None) -> None:
        if _is_connected(self.channel):
            super().restore_unacked_once(stderr)


class Channel(redis.Channel):
    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self.client.set(NOBODYS_KEY, "", px=1)
        except ResponseError:
            self.close()
            raise

    def _connparams(self, asynchronous: bool = False) -> Any:
        if not _is_connected(self):
            raise ConnectionLost("The connection to the broker was given up.")
        return super()._connparams(asynchronous)  # type: ignore[misc]


def _is_connected(channel: Any) -> bool:
    transport = channel.connection
    return transport is not None and transport.client is not None


redis.Transport.Channel = Channel
redis.Transport.connection_errors += (ResponseError,)
