"""What /metrics shows of beat, which the edge knows nothing of."""

from __future__ import annotations

import math
from collections.abc import Iterable

from django.utils import timezone
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.beat import last_beat


class BeatCollector(Collector):
    """Infinite before beat was ever seen."""

    def describe(self) -> Iterable[Metric]:
        return []  # the name is known without asking the database

    def collect(self) -> Iterable[Metric]:
        last = last_beat()
        silent = (timezone.now() - last).total_seconds() if last else math.inf
        yield GaugeMetricFamily("voronka_beat_silent_seconds", "Since beat was last alive.", value=silent)
