"""Redis as the broker, with two things mended: a worker outlives its going away and its refusing to do anything.

When its connection breaks, with a task in hand or in the middle of a call, kombu gives up the channel's connection, and
later calls over that channel (giving back what the worker holds, restoring, acknowledging) ask None for it. That is an
AttributeError, which ends the worker, where a lost connection would have been waited for. What is not given back here
is found by the sweeps (law 1), and by Redis' own visibility timeout.

A full Redis refuses even to forget what was acknowledged, one that cannot save refuses all writing, and one that has
become a replica breaks off who waits, too. To kombu that is the caller's mistake, which ends the worker; here it is a
broken connection, which is made anew: another server may be at that address by then. A replica answers pings, so a
connection is good once it may write.
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
            self.client.delete(NOBODYS_KEY)
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
