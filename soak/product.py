"""The product's processes as the Procfile has them, each to be killed, frozen and started again for itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from honcho.environ import parse_procfile

from benchmarks.servers import free_port
from soak.clock import Clock
from soak.hosts import HERE, Host
from soak.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300.0
OWNER, PASSWORD = "owner@example.com", "a long quiet evening"
# A name here and its line in the Procfile.
PROCESSES = {"web": "web", "worker 1": "worker", "worker 2": "worker", "beat": "beat"}


class Product:
    """One installation in `folder`, which finds its servers and its amoCRM by the variables `env`. Each process runs on
    the host that `hosts` has under its name, or here.
    """

    def __init__(self, folder: Path, env: dict[str, str], hosts: Mapping[str, Host] | None = None) -> None:
        self._folder = folder
        self._commands = parse_procfile((ROOT / "Procfile").read_text()).processes
        self._hosts = hosts or {}
        port = free_port()
        self.url = f"http://{self._host('web').address}:{port}"
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        self.env = {
            "PATH": path,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "VAR_DIR": str(folder / "var"),
            "ENV_FILE": os.devnull,
            "PORT": str(port),
            "APP_URL": self.url,
            "WEB_CONCURRENCY": "2",
            **env,
        }
        self.clock = Clock(folder)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._expected_dead: set[str] = set()
        self.ended_by_themselves: list[tuple[str, str]] = []

    def _host(self, name: str) -> Host:
        return self._hosts.get(name, HERE)

    # --- Processes ---

    def start(self, name: str) -> None:
        """Nothing happens when it runs already."""
        self._expected_dead.discard(name)
        if self.is_running(name):
            return
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._host(name).command(["bash", "-c", self._commands[PROCESSES[name]]]),
                cwd=ROOT,
                env=self.env | self.clock.variables(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _last_words(self, name: str) -> str:
        """The last line that is critical, else the last of all."""
        lines = self._log(name).read_text(errors="replace").splitlines() or [""]
        return next((line for line in reversed(lines) if "level=critical" in line), lines[-1])

    def is_running(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def kill(self, name: str) -> None:
        """SIGKILL to it and its children at once, as a machine's out-of-memory or power-off does."""
        self._expected_dead.add(name)
        self.signal(name, signal.SIGKILL)
        if name in self._running:
            self._running[name].wait()

    def kill_child(self, name: str) -> None:
        """SIGKILL to one of its children, where it has any: its master has to make another."""
        for child in self.pids(name)[1:2]:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def pids(self, name: str) -> list[int]:
        """Of the process and its children, while it runs."""
        pid = self._running[name].pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return [pid, *map(int, children.read_text().split())] if children.exists() else []

    def signal(self, name: str, number: signal.Signals) -> None:
        if self.is_running(name):
            os.killpg(self._running[name].pid, number)

    def mend(self) -> None:
        """Start what ended by itself, as every process host does. It is counted, and its last words are kept."""
        for name in PROCESSES:
            if name not in self._expected_dead and not self.is_running(name):
                self.ended_by_themselves.append((name, self._last_words(name)))
                self.start(name)

    def start_all(self) -> None:
        for name in PROCESSES:
            self.start(name)
        wait_for("the product is ready", self._is_ready, seconds=START_SECONDS)

    def stop_all(self) -> None:
        for name in PROCESSES:
            self.signal(name, signal.SIGCONT)
            self.kill(name)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    # --- What people and programs do with it ---

    def manage(self, *arguments: str) -> str:
        """What a `manage.py` command prints.

        :raises CalledProcessError: it ended non-zero.
        """
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=True).stdout

    def log_tails(self) -> str:
        """The end of each process's log."""
        tails = []
        for path in sorted(self._folder.glob("*.log")):
            with suppress(PermissionError):
                tails.append(f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-40:]))
        return "\n".join(tails)


class Api:
    """The product as a program sees it, with an owner's token."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = f"{url}/api", {"Authorization": f"Token {token}"}

    def get(self, path: str, **query: Any) -> Any:
        """:raises RequestException: no answer, or one that is no 2xx."""
        answer = requests.get(f"{self._url}{path}", params=query, headers=self._headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """:raises RequestException: no answer, or one that is no 2xx."""
        answer = requests.post(f"{self._url}{path}", json=body, headers=self._headers, timeout=30)
        answer.raise_for_status()
        return answer.json()


def new_account(product: Product) -> tuple[str, Api]:
    """An account of ours: its id, and its owner's API."""
    made = json.loads(product.manage("create_account", "Soak", "--email", OWNER, "--password", PASSWORD))
    return made["user_account_id"], Api(product.url, made["token"])


def signed_in(product: Product) -> requests.Session:
    """The owner's browser."""
    browser = requests.Session()
    address = f"{product.url}/login/"
    browser.get(address, timeout=20)
    form = {"username": OWNER, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    browser.post(address, data=form, headers={"Referer": address}, timeout=20).raise_for_status()
    return browser
