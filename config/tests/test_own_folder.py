"""The folder of a test run: gone with the run, or with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from config.environment import BASE_DIR

BEGIN_AND_WAIT = "import os, config.tests.settings; print(os.environ['TEST_VAR_ROOT'], flush=True); input()"


def begin(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """A run that goes on until it is told to end, and its folder."""
    env = {name: value for name, value in os.environ.items() if name != "TEST_VAR_ROOT"} | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-c", BEGIN_AND_WAIT]
    run = subprocess.Popen(command, cwd=BASE_DIR, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    return run, Path(run.stdout.readline().strip())


def test_what_a_killed_run_left_goes_with_the_next_and_what_others_use_stays(tmp_path: Path) -> None:
    killed, left = begin(tmp_path)
    other, used = begin(tmp_path)
    assert set(tmp_path.iterdir()) == {left, used}
    killed.kill()
    killed.wait()
    last, new = begin(tmp_path)
    assert set(tmp_path.iterdir()) == {used, new}
    for run in (other, last):
        run.communicate("\n")
    assert list(tmp_path.iterdir()) == []
