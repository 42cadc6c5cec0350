"""`python -m benchmarks.sync_worker RUN URL RATE`: works on a run in a fresh process, so that its memory is its own."""

from __future__ import annotations

import json
import resource
import sys
import time


def main(run_id: int, url: str, per_second: int) -> None:
    """Prints [seconds, peak of memory in kB, seconds of CPU]."""
    import django

    django.setup()
    from django.conf import settings

    from integrations.sync.runner import work

    settings.AMOCRM_BASE_URL, settings.AMOCRM_REQUESTS_PER_SECOND = url, per_second
    began, used = time.monotonic(), time.process_time()
    pauses = [0.0]
    while pauses:
        pauses.clear()
        work(run_id, ring_again=pauses.append)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([time.monotonic() - began, peak, time.process_time() - used]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
