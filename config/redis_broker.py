"""Redis as the broker, with one thing mended: a worker outlives it with a task in hand.

When its connection breaks, kombu gives back what the worker holds, over that very connection. Where that has been given
up already it fails in a way that ends the worker. What is not given back there is found by the sweeps (law 1), and by
Redis' own visibility timeout.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    def restore_unacked_once(self, stderr: Any = None) -> None:
        transport = self.channel.connection
        if transport is not None and transport.client is not None:
            super().restore_unacked_once(stderr)


redis.Channel.QoS = QoS
