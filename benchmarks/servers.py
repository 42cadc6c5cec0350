"""gunicorn as the product runs it, with its own `gunicorn.conf.py`, on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn: where it listens, and its master's process id."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """What its workers have used of the CPU so far. Says more than the clock on a machine that others use too."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in workers]
        return sum(int(ticks) for stat in stats for ticks in stat[11:13]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(application: str, *arguments: str) -> Iterator[Server]:
    """A gunicorn that serves the `application` (a module), as the product's `gunicorn.conf.py` and `arguments` say."""
    port = free_port()
    env = os.environ | {"PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gunicorn", *arguments, application]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    try:
        _wait_for(process, port)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("gunicorn did not start; `python -m gunicorn config.asgi` says why")
