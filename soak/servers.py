"""PostgreSQL and Redis of the soak's own, on free ports in a temporary folder, to be ended and broken at will."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks.servers import free_port
from soak.hosts import HERE, Host
from soak.waiting import wait_for

START_SECONDS = 60


class Postgres:
    """A cluster in `folder` on `host`. PostgreSQL refuses to run as root: then it is the user `postgres`'s."""

    def __init__(self, folder: Path, host: Host = HERE) -> None:
        self._host = host
        self._data, self._log, self.port = folder / "postgresql", folder / "postgresql.log", free_port()
        self.url = f"postgres://voronka@{host.address}:{self.port}/postgres"
        self._bin = _postgres_bin()
        self._data.mkdir(mode=0o700)
        self._log.touch()
        if os.getuid() == 0:
            folder.chmod(0o755)
            shutil.chown(self._data, "postgres")
            shutil.chown(self._log, "postgres")
        self._run("initdb", "-U", "voronka", "--auth", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses={self._host.address}"
        options += " -c unix_socket_directories= -c max_connections=200"
        self._run("pg_ctl", "-w", "-t", str(START_SECONDS), "-l", str(self._log), "-o", options, "start")

    def stop(self, mode: str) -> None:
        """`fast` breaks off what is open; `immediate` is a crash, and the next start recovers from the log. It is also
        what comes when breaking off takes a minute, as with a client that is frozen."""
        try:
            self._run("pg_ctl", "-w", "-m", mode, "stop")
        except subprocess.CalledProcessError:
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._data), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(self._host.command(command), cwd="/", check=True, stdout=subprocess.DEVNULL)


def _postgres_bin() -> Path:
    """:raises RuntimeError: there is no PostgreSQL on this machine."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    if not any(found):
        raise RuntimeError("PostgreSQL is not here. On Debian: apt-get install postgresql; or --servers embedded")
    return Path(next(path for path in reversed(found) if path)).parent


class Redis:
    """A broker and cache that keeps nothing over its end, as operations.md says it need not."""

    def __init__(self, folder: Path, host: Host = HERE) -> None:
        self._folder, self._host, self.port = folder, host, free_port()
        self.url = f"redis://{host.address}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", self._host.address, "--protected-mode", "no"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(self._host.command(command), stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for("Redis", self._answers, seconds=START_SECONDS)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def flush(self) -> None:
        """Every message and every cached value is gone."""
        self._client().flushall()

    def limit_memory(self, megabytes: int) -> None:
        """With 1 it is full: what would store anything is refused. 0: no limit."""
        self._client().config_set("maxmemory", f"{megabytes}mb")

    def become_replica(self) -> None:
        """Of a server that is not there: as after another was made the master."""
        self._client().replicaof("127.0.0.1", "1")

    def become_master(self) -> None:
        self._client().replicaof("NO", "ONE")

    def _answers(self) -> bool:
        try:
            return bool(self._client().ping())
        except redis.ConnectionError:
            return False

    def _client(self) -> redis.Redis:
        return redis.Redis(host=self._host.address, port=self.port, socket_timeout=10)


@contextmanager
def servers(folder: Path, database: Host = HERE, broker_host: Host = HERE) -> Iterator[tuple[Postgres, Redis]]:
    """Both, running; ended afterwards whatever state they were left in."""
    postgres, broker = Postgres(folder, database), Redis(folder, broker_host)
    postgres.start()
    try:
        broker.start()
        yield postgres, broker
    finally:
        broker.kill()
        postgres.stop("immediate")
