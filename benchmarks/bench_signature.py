"""Whether the time of a check tells how much of a forged signature is right: accepted digits against microseconds."""

from __future__ import annotations

import statistics
import time
import uuid

from benchmarks.options import Options
from benchmarks.tables import Table

RIGHT_DIGITS = (0, 1, 8, 32, 60, 63)
CHECKS = 200
SAMPLES = 100


def run(options: Options) -> list[Table]:
    from integrations.intake.signature import sign
    from integrations.models import Hook

    account_id = uuid.uuid4()
    version, _, digest = sign(account_id, Hook.AMOCRM, 1).partition("-")
    forged = {right: f"{version}-{digest[:right]}{'x' * (len(digest) - right)}" for right in RIGHT_DIGITS}
    seconds: dict[int, list[float]] = {right: [] for right in forged}
    for _sample in range(SAMPLES * options.rounds):
        for right, sig in forged.items():  # in turns, so that whatever slows the machine slows all alike
            seconds[right].append(_one(account_id, Hook.AMOCRM, sig))
    medians = {right: statistics.median(found) for right, found in seconds.items()}
    table = Table("Signature checks", ("right digits of 64", "CPU µs, median", "to none right"))
    for right, median in medians.items():
        table.rows.append((str(right), f"{median * 1e6:.2f}", f"{median / medians[0]:.3f}"))
    return [table]


def _one(account_id: uuid.UUID, hook: str, sig: str) -> float:
    """CPU seconds of one check."""
    from integrations.intake.signature import version_of
    from integrations.models import Hook

    began = time.process_time()
    for _check in range(CHECKS):
        version_of(account_id, Hook(hook), sig)
    return (time.process_time() - began) / CHECKS
