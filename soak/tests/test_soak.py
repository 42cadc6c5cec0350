"""A short soak; long ones are run by `make soak`. On the servers that the suite itself runs on, but of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.environment import BASE_DIR

SECONDS = 25
LONGEST = 600


@pytest.mark.end_to_end
def test_after_a_short_storm_the_product_holds_what_the_crm_knows() -> None:
    servers = "own" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "embedded"
    command = [sys.executable, "-m", "soak", "--seconds", str(SECONDS), "--seed", "1", "--servers", servers]
    done = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-20_000:]
    assert "| deliveries acknowledged, as rows" in done.stdout
