"""`python -m benchmarks.sync_worker RUN URL RATE`: works on a run in a fresh process, so that its memory is its own."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(run_id: int, url: str, per_second: int) -> None:
    """Prints [seconds, peak of memory in kB, seconds of CPU]."""
    import django

    django.setup()
    from django.conf import settings

    from config.garbage import spare_what_started
    from integrations.sync.runner import work

    spare_what_started()  # as a worker does
    settings.AMOCRM_BASE_URL, settings.AMOCRM_REQUESTS_PER_SECOND = url, per_second
    began, used = time.monotonic(), time.process_time()
    pauses = [0.0]
    while pauses:
        pauses.clear()
        work(run_id, ring_again=pauses.append)
    print(json.dumps([time.monotonic() - began, _peak(), time.process_time() - used]))


def _peak() -> int:
    """kB. Not `ru_maxrss`, in which a process inherits what the one that started it has used."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
