"""The whole product as `make run` starts it: real processes, HTTP only, a worker that is killed, and a second start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from benchmarks.scratch import scratch_database
from config.environment import BASE_DIR
from config.leash import die_with_parent
from config.run import SANDBOX_PORT_OFFSET
from config.tests.settings import PRODUCT_VARIABLES

pytestmark = pytest.mark.end_to_end

# Generous, for machines that do other things as well: nothing here waits for a time, all wait for what must come.
SECONDS = 300.0
# Redis databases that nobody else speaks to, this process of pytest's own: the worker of another run must not take our
# messages. Redis has sixteen, so there are enough for four processes.
FIRST_DATABASE = 8 + 2 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4)
REDIS_DATABASES = {"CELERY_BROKER_URL": f"/{FIRST_DATABASE}", "CACHE_URL": f"/{FIRST_DATABASE + 1}"}
TEST_VARIABLES = ("DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "TEST_VAR_ROOT")
EMAIL, PASSWORD = "owner@example.com", "a long and quiet evening"


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    """The first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            value = condition()
        except (requests.ConnectionError, requests.Timeout) as error:  # the port comes before the workers
            value, last = None, repr(error)
        else:
            last = repr(value)
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: it never came to pass; the last was {last}"
        time.sleep(0.1)


def free_port() -> int:
    """A port that is free, as is the sandbox's that goes with it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + SANDBOX_PORT_OFFSET))
            except (OSError, OverflowError):
                continue
            return port


class Product:
    """A run in `folder`, which can be started again there."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.port + SANDBOX_PORT_OFFSET}"
        self.log = folder / "log"
        self._env = environment(folder / "var", self.port, database_url)
        self._run: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "config.run"]
            # A run of the tests that is killed must not leave the product behind.
            leash = partial(die_with_parent, signal.SIGTERM)
            self._run = subprocess.Popen(command, cwd=BASE_DIR, env=self._env, stdout=log, stderr=log, preexec_fn=leash)
        wait_for("ready", lambda: self._is_ready(self._run))

    def _is_ready(self, run: subprocess.Popen[bytes] | None) -> bool:
        assert run is not None
        assert run.poll() is None, f"the run ended with {run.returncode}"
        return requests.get(f"{self.url}/readyz", timeout=10).status_code == 200

    def processes(self) -> dict[int, str]:
        """Command lines by process id, of all that the run has started."""
        assert self._run is not None
        found, ids = {}, [self._run.pid]
        while ids:
            pid = ids.pop()
            children = Path(f"/proc/{pid}/task/{pid}/children")
            ids += map(int, children.read_text().split()) if children.exists() else []
            found[pid] = command_line(pid)
        return found

    def ended(self) -> int:
        """The exit code, once the run is over."""
        assert self._run is not None
        return self._run.wait(timeout=SECONDS)

    def stop(self) -> None:
        if self._run is not None:
            self._run.terminate()
            self._run.wait()

    def manage(self, *arguments: str) -> Any:
        """What a `manage.py` command prints, as JSON."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=BASE_DIR, env=self._env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def environment(var_dir: Path, port: int, database_url: str) -> dict[str, str]:
    """As in a terminal where only the servers are chosen."""
    shut_out = {*PRODUCT_VARIABLES, *TEST_VARIABLES}
    env = {name: value for name, value in os.environ.items() if name not in shut_out}
    env |= {"VAR_DIR": str(var_dir), "ENV_FILE": os.devnull, "PORT": str(port), "DATABASE_URL": database_url}
    for name, path in REDIS_DATABASES.items():
        if env.get(name, "").startswith("redis"):
            env[name] = urlunsplit(urlsplit(env[name])._replace(path=path))
    return env


def command_line(pid: int) -> str:
    """Empty for a process that is no more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Crm:
    """The run's sandbox, moved by its control API."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sandbox"

    def deal(self, phone: str) -> int:
        """A new deal, of a while ago: what is done to it next has another second on amoCRM's clock."""
        facts = {"name": phone, "phone": phone, "created_at": int(time.time()) - 100}
        return int(self._call("POST", "deals", facts)["id"])

    def move(self, deal_id: int, status_id: int) -> None:
        self._call("PATCH", f"deals/{deal_id}", {"status_id": status_id})

    def stages(self) -> list[int]:
        """The main pipeline's, without the unsorted one."""
        pipelines = self._call("GET", "state")["account"]["pipelines"]
        return [stage["id"] for stage in pipelines[0]["stages"] if stage["type"] == 0]

    def break_down(self) -> None:
        self._call("POST", "faults", {"kind": "reset", "prefix": "/api/v4"})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self._url}/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


class Api:
    """The product as a program sees it, with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = f"{url}/api", {"Authorization": f"Token {token}"}

    def get(self, path: str, **query: Any) -> Any:
        answer = requests.get(f"{self._url}{path}", params=query, headers=self._headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lead(self, deal_id: int) -> dict[str, Any]:
        """The lead of a deal; empty before there is one."""
        return next(iter(self.get("/leads", amocrm_lead_id=deal_id)["results"]), {})

    def statuses(self, deal_id: int) -> set[str]:
        """How far the deliveries about a deal have come. Those not yet looked into are of no deal: "received"."""
        waiting = self.get("/admin/webhook-logs", status="received")["results"]
        told = self.get("/admin/webhook-logs", lead_id=deal_id)["results"]
        return {row["processing_status"] for row in [*waiting, *told]}


def sign_in(url: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{url}/login/", timeout=20)
    csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert csrf is not None
    form = {"username": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": csrf[1]}
    answer = session.post(f"{url}/login/", form, timeout=20, allow_redirects=False)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/app/")
    return session


def connect(session: requests.Session, url: str) -> None:
    """Through amoCRM's consent page, as a browser would be sent there and back."""
    there = session.get(f"{url}/amocrm/auth", timeout=20, allow_redirects=False)
    assert there.status_code == 302
    consent = f"{there.headers['Location']}&decision=allow"
    back = session.get(consent, timeout=20, allow_redirects=False)
    assert back.headers["Location"].startswith(f"{url}/amocrm/callback?")
    done = session.get(back.headers["Location"], timeout=60, allow_redirects=False)
    assert (done.status_code, done.headers["Location"]) == (302, "/connection/")


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with scratch_database(os.environ.get("DATABASE_URL", "")) as database_url:
        run = Product(tmp_path, database_url)
        try:
            yield run
        finally:
            run.stop()
            print(run.log.read_text()[-20_000:])


def test_from_consent_to_a_moved_lead_and_over_the_death_of_the_worker(product: Product) -> None:
    product.start()
    account = product.manage("create_account", "Alfa", "--email", EMAIL, "--password", PASSWORD)
    api, crm = Api(product.url, account["token"]), Crm(product.sandbox_url)
    connect(sign_in(product.url), product.url)
    wait_for("the hook is registered", lambda: api.get("/amocrm/status")["webhook_active"])

    deal_id = crm.deal("8 701 123 45 67")
    wait_for("the deal has a lead", lambda: api.lead(deal_id).get("phone_e164") == "+77011234567")
    stage = crm.stages()[2]
    crm.move(deal_id, stage)
    wait_for("the lead's stage has moved", lambda: api.lead(deal_id)["current_status_id"] == stage)
    wait_for("its deliveries are done", lambda: api.statuses(deal_id) == {"success"})

    crm.break_down()
    late = [crm.deal(f"8 701 765 43 2{number}") for number in range(3)]
    wait_for("a backlog waits", lambda: api.get("/amocrm/status")["backlog"] >= len(late))
    started = product.processes()
    worker = next(pid for pid, command in started.items() if "celery" in command and " worker " in command)
    os.kill(worker, signal.SIGKILL)
    assert product.ended() != 0
    wait_for("no orphan is left", lambda: all(command_line(pid) != command for pid, command in started.items()))

    product.start()
    for number, late_id in enumerate(late):
        wait_for("the backlog is applied", lambda: api.lead(late_id).get("phone_e164"))  # noqa: B023 - called at once
        assert api.lead(late_id)["phone_e164"] == f"+7701765432{number}"
        assert api.statuses(late_id) == {"success"}
    assert api.get("/amocrm/status")["backlog"] == 0
