"""What /metrics shows of beat, which the edge knows nothing of."""

from __future__ import annotations

import math
from collections.abc import Iterable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.beat import silent_for


class BeatCollector(Collector):
    """Infinite before beat was ever seen."""

    def describe(self) -> Iterable[Metric]:
        return []  # the name is known without asking the database

    def collect(self) -> Iterable[Metric]:
        silent = silent_for()
        seconds = math.inf if silent is None else silent.total_seconds()
        yield GaugeMetricFamily("voronka_beat_silent_seconds", "Since beat was last alive.", value=seconds)
