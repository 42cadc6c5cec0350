from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config import environment, run
from config.env import EnvError
from config.environment import BASE_DIR

MANAGER = """
import sys
from config.leash import LeashedManager
manager = LeashedManager()
manager.add_process("sleeper", f"echo $$ > {sys.argv[1]}; exec sleep 1000")
manager.add_process("other", sys.argv[2])
manager.loop()
sys.exit(manager.returncode or 1)
"""


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def start_manager(pid_file: Path, other: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", MANAGER, str(pid_file), other], cwd=BASE_DIR, stdout=subprocess.DEVNULL
    )


def pid_in(file: Path) -> int:
    wait_until(lambda: file.exists() and file.read_text().strip() != "")
    return int(file.read_text())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_run(tmp_path: Path, number: int) -> None:
    manager = start_manager(tmp_path / "pid", "exec sleep 1000")
    sleeper = pid_in(tmp_path / "pid")
    os.kill(manager.pid, number)
    assert manager.wait(timeout=120) != 0
    wait_until(lambda: not is_alive(sleeper))


def test_a_process_that_takes_its_time_to_end_is_not_killed(tmp_path: Path) -> None:
    ready, ended = tmp_path / "ready", tmp_path / "ended"
    slow = f"trap 'sleep 6; echo > {ended}; exit' TERM; echo > {ready}; sleep 1000 & wait"
    manager = start_manager(tmp_path / "pid", slow)
    pid_in(tmp_path / "pid")
    wait_until(ready.exists)
    os.kill(manager.pid, signal.SIGTERM)
    assert manager.wait(timeout=120) != 0
    assert ended.exists()


def test_when_one_process_ends_all_end_and_it_counts_as_a_failure(tmp_path: Path) -> None:
    manager = start_manager(tmp_path / "pid", "true")
    sleeper = pid_in(tmp_path / "pid")
    assert manager.wait(timeout=120) != 0
    wait_until(lambda: not is_alive(sleeper))


def test_a_run_without_an_amocrm_brings_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    defaults = run.run_defaults()
    assert defaults["APP_URL"] == "http://localhost:9000"
    assert defaults["AMOCRM_BASE_URL"] == "http://127.0.0.1:9100"
    assert defaults["AMOCRM_AUTH_URL"] == "http://127.0.0.1:9100/oauth"
    assert defaults["TELEGRAM_API_URL"] == "http://127.0.0.1:9100/telegram"
    assert defaults["META_API_URL"] == "http://127.0.0.1:9100/meta/v24.0"


def test_a_port_that_leaves_none_for_the_sandbox_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "65500")
    with pytest.raises(EnvError, match=r"^PORT is '65500', and the sandbox needs .* Choose one up to 65435$"):
        run.run_defaults()


def test_a_run_with_an_amocrm_brings_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMOCRM_BASE_URL", "http://127.0.0.1:9999")
    assert set(run.run_defaults()) == {"PORT", "APP_URL"}
    assert run.sandbox_port(environment.read(), run.run_defaults()) is None


def test_an_amocrm_on_the_sandboxs_own_port_is_somebodys_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    assert run.sandbox_port(environment.read(), run.run_defaults()) == 9100
    monkeypatch.setenv("AMOCRM_BASE_URL", "http://127.0.0.1:9100")
    assert run.sandbox_port(environment.read(), run.run_defaults()) is None


def test_a_taken_port_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        with pytest.raises(EnvError, match=r"PORT: port .* is taken"):
            run.check_ports(environment.read().port, None)


def test_what_a_run_chose_is_its_owners_only(tmp_path: Path) -> None:
    run.write_run_file(tmp_path / "var" / "run.env", {"PORT": "9000"})
    run.write_run_file(tmp_path / "var" / "run.env", {"PORT": "9001"})
    file = tmp_path / "var" / "run.env"
    assert file.read_text().splitlines()[1:] == ["PORT=9001"]
    assert file.stat().st_mode & 0o777 == 0o600
