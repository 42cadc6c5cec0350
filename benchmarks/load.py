"""Load over HTTP on this machine: by wrk where it is installed, else by a small generator of our own."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CONTENT_TYPE = "application/x-www-form-urlencoded"
ADVICE = "wrk is not here (apt install wrk): the load came from a generator in Python, which takes more of the CPU."
# A slow answer is one all the same.
PATIENTLY = ("--timeout", "60s")
# What wrk cuts short when the time is over was perhaps stored: one request per connection.
SCRIPT = """
local file = io.open(%s, "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "%s"
function done(summary, latency, requests)
    local errors = summary.errors
    local form = '\\nresult {"answered": %%d, "refused": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "max": %%f}\\n'
    io.write(string.format(form,
        summary.requests, errors.status + errors.connect + errors.timeout, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a load: good answers `per_second`, latencies in milliseconds, and how many answers of each kind."""

    per_second: float
    p50: float
    p99: float
    acknowledged: int
    refused: int = 0
    longest: float = 0.0


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def post(url: str, body: bytes, *, connections: int, seconds: float) -> Figures:
    """POST `body` to `url` for `seconds` from as many connections, each kept alive."""
    if has_wrk():
        return _by_wrk(url, body, connections, seconds)
    return asyncio.run(_by_ourselves(url, body, connections, seconds))


def figures(latencies: Sequence[float], seconds: float, *, refused: int = 0) -> Figures:
    """Of one latency in seconds per good answer."""
    ordered = sorted(latencies) or [0.0]
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 for part in (0.5, 0.99))
    return Figures(len(latencies) / seconds, p50, p99, len(latencies), refused, ordered[-1] * 1000)


def _by_wrk(url: str, body: bytes, connections: int, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        body_file, script = Path(folder) / "body", Path(folder) / "post.lua"
        body_file.write_bytes(body)
        script.write_text(SCRIPT % (json.dumps(str(body_file)), CONTENT_TYPE))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", *PATIENTLY, "-s", str(script), url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = json.loads(output.rpartition("result ")[2])
    acknowledged = told["answered"] - told["refused"]
    return Figures(acknowledged / told["seconds"], told["p50"], told["p99"], acknowledged, told["refused"], told["max"])


def request_of(url: str, body: bytes) -> tuple[str, int, bytes]:
    """Host, port, and what has to be sent there to POST `body` to `url`."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return parts.hostname or "", parts.port or 80, head.encode() + body


async def _by_ourselves(url: str, body: bytes, connections: int, seconds: float) -> Figures:
    host, port, request = request_of(url, body)
    latencies: list[float] = []
    refused = 0
    ends = time.monotonic() + seconds

    async def one_connection() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection(host, port)
        while time.monotonic() < ends:
            started = time.monotonic()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            if answer.split(b" ", 2)[1] == b"200":
                latencies.append(time.monotonic() - started)
            else:
                refused += 1
        writer.close()

    started = time.monotonic()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return figures(latencies, time.monotonic() - started, refused=refused)
