"""Several hosts on one machine: network namespaces on a bridge, whose cables can be pulled. Needs root and iproute2."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

NETWORK = "10.77.0"


@dataclass(frozen=True, slots=True)
class Host:
    """Where a process runs, and at which address others reach it."""

    address: str = "127.0.0.1"
    namespace: str = ""

    def command(self, command: Iterable[str]) -> list[str]:
        """`command`, run there."""
        return ["ip", "netns", "exec", self.namespace, *command] if self.namespace else [*command]


HERE = Host()


class Network:
    """A bridge that this process stands at (`gate`), and a host at the end of a cable for each name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"v{os.getpid() % 100_000}"
        self.gate = f"{NETWORK}.1"
        self.hosts = {name: Host(f"{NETWORK}.{at}", f"{self._prefix}n{at}") for at, name in enumerate(names, 2)}

    def build(self) -> None:
        _ip(f"link add {self._prefix} type bridge")
        _ip(f"addr add {self.gate}/24 dev {self._prefix}")
        _ip(f"link set {self._prefix} up")
        for host in self.hosts.values():
            cable, there = self._cable(host), host.namespace
            _ip(f"netns add {there}")
            _ip(f"link add {cable} type veth peer name eth0 netns {there}")
            _ip(f"link set {cable} master {self._prefix} up")
            _ip(f"-n {there} addr add {host.address}/24 dev eth0")
            _ip(f"-n {there} link set eth0 up")
            _ip(f"-n {there} link set lo up")

    def cut(self, name: str) -> None:
        """Nothing reaches it or leaves it, and nobody is told."""
        _ip(f"link set {self._cable(self.hosts[name])} down")

    def mend(self, name: str) -> None:
        _ip(f"link set {self._cable(self.hosts[name])} up")

    def tear_down(self) -> None:
        for host in self.hosts.values():
            with suppress(subprocess.CalledProcessError):
                _ip(f"netns del {host.namespace}")
        with suppress(subprocess.CalledProcessError):
            _ip(f"link del {self._prefix}")

    def _cable(self, host: Host) -> str:
        return f"{self._prefix}c{host.address.rpartition('.')[2]}"


@contextmanager
def cabled(names: Sequence[str]) -> Iterator[Network]:
    """:raises CalledProcessError: this user may not, or this kernel cannot."""
    built = Network(names)
    try:
        built.build()
        yield built
    finally:
        built.tear_down()


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
