"""Servers on free ports: gunicorn as the product runs it, with its own `gunicorn.conf.py`, and others."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config.leash import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, and the process id of its master."""

    url: str
    pid: int

    def processes(self) -> list[int]:
        """The master's id, then its workers'."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, workers)]

    def cpu_seconds(self) -> float:
        """What its workers have used of the CPU so far. Says more than the clock on a machine that others use too."""
        _, *workers = self.processes()
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in workers]
        return sum(int(ticks) for stat in stats for ticks in stat[11:13]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(application: str, *arguments: str) -> Iterator[Server]:
    """A gunicorn that serves the `application` (a module), as the product's `gunicorn.conf.py` and `arguments` say."""
    port = free_port()
    env = os.environ | {"PORT": str(port), "PYTHONPATH": str(ROOT)}
    with running([sys.executable, "-m", "gunicorn", *arguments, application], port, cwd=ROOT, env=env) as server:
        yield server


@contextmanager
def running(command: Sequence[str], port: int, *, cwd: Path, env: Mapping[str, str]) -> Iterator[Server]:
    """The server that `command` starts on `port` of this machine.

    :raises RuntimeError: it does not listen there within a minute.
    """
    # Who is killed leaves none behind.
    leash, quiet = partial(die_with_parent, signal.SIGTERM), subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=quiet, stderr=quiet, preexec_fn=leash)
    try:
        if not _listens(process, port):
            raise RuntimeError(f"it did not start; in {cwd}, `{shlex.join(command)}` says why")
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False
