"""`kill -9` in the middle of the work: what had been acknowledged, and is it there?"""

from __future__ import annotations

import asyncio
import os
import signal
import time

from benchmarks.load import request_of
from benchmarks.peers.receivers import Receiver

# Long after the death of the receiver, the database is still at what it was sent last.
SETTLING_SECONDS = 1.0


def lost_by_kill(receiver: Receiver, body: bytes, *, connections: int, seconds: float) -> tuple[int, int]:
    """How many deliveries were acknowledged until the kill, and how many of these have no row."""
    receiver.empty()
    acknowledged = asyncio.run(_until_killed(receiver, body, connections, seconds))
    time.sleep(SETTLING_SECONDS)
    return acknowledged, max(0, acknowledged - receiver.rows())


async def _until_killed(receiver: Receiver, body: bytes, connections: int, seconds: float) -> int:
    host, port, request = request_of(receiver.url, body)
    acknowledged = 0

    async def one_connection() -> None:
        nonlocal acknowledged
        reader, writer = await asyncio.open_connection(host, port)
        while True:
            writer.write(request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
            except (asyncio.IncompleteReadError, ConnectionError):
                return  # it is dead
            acknowledged += head.split(b" ", 2)[1] == b"200"

    async def kill() -> None:
        await asyncio.sleep(seconds)
        for pid in receiver.server.processes():
            os.kill(pid, signal.SIGKILL)

    await asyncio.gather(kill(), *(one_connection() for _ in range(connections)))
    return acknowledged
