"""When all is not well, as data: one table for `deploy/prometheus/alerts.yaml` and for Telegram."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from prometheus_client.metrics_core import Metric

DAY = timedelta(days=1).total_seconds()


@dataclass(frozen=True, slots=True)
class Condition:
    """The sum of `metric` (over `label`, where one is named) is above `bound`, or below it, for `minutes`."""

    name: str
    metric: str
    bound: float
    minutes: int
    text: str | Promise
    label: tuple[str, str] | None = None
    is_below: bool = False

    @property
    def expression(self) -> str:
        """In Prometheus' language. Each web process that is scraped answers for all: they are not added up."""
        label = f'{{{self.label[0]}="{self.label[1]}"}}' if self.label else ""
        worst, than = ("min", "<") if self.is_below else ("max", ">")
        return f"{worst}(sum by (instance) ({self.metric}{label})) {than} {self.bound:g}"

    def value(self, metrics: Iterable[Metric]) -> float | None:
        """The sum; None while there is nothing to sum up, and so nothing to tell."""
        found = [
            sample.value
            for metric in metrics
            for sample in metric.samples
            if sample.name == self.metric and (not self.label or sample.labels.get(self.label[0]) == self.label[1])
        ]
        return sum(found) if found else None

    def is_met(self, value: float | None) -> bool:
        return value is not None and (value < self.bound if self.is_below else value > self.bound)


CONDITIONS = (
    Condition("BacklogOld", "voronka_backlog_oldest_seconds", 300, 5, _("Deliveries wait for more than five minutes.")),
    Condition(
        "DeliveriesFailed",
        "voronka_deliveries_24h",
        0,
        0,
        _("Deliveries could not be applied. The list of deliveries says why."),
        ("status", "error"),
    ),
    Condition(
        "HookLoss", "voronka_hook_loss_percent", 5, 60, _("amoCRM's hooks do not tell of more than 5 % of changes.")
    ),
    Condition("HookInactive", "voronka_hooks_inactive", 0, 120, _("A hook at amoCRM is switched off or missing.")),
    Condition(
        "ReconnectNeeded",
        "voronka_connections",
        0,
        5,
        _("An account has to be connected to amoCRM again."),
        ("state", "reconnect_needed"),
    ),
    Condition(
        "ConnectionEndsSoon",
        "voronka_connection_ends_seconds",
        7 * DAY,
        60,
        _("A connection to amoCRM ends within a week: its token must be renewed."),
        is_below=True,
    ),
    Condition(
        "AmoCRMProblem", "voronka_connection_problems", 0, 30, _("amoCRM does not serve an account for half an hour.")
    ),
    Condition("SyncOld", "voronka_last_sync_age_seconds", DAY, 10, _("An account was not synced for a day.")),
    Condition(
        "NotificationsFailed",
        "voronka_notifications",
        0,
        0,
        _("Messages about sales were refused."),
        ("state", "failed"),
    ),
    Condition(
        "NotificationsUncertain",
        "voronka_notifications",
        0,
        0,
        _("Messages about sales have perhaps not arrived."),
        ("state", "uncertain"),
    ),
    Condition(
        "PushesFailed",
        "voronka_lead_pushes",
        0,
        0,
        _("amoCRM refused leads that were entered here."),
        ("state", "failed"),
    ),
    Condition("MetaFailing", "voronka_meta_problems", 0, 360, _("Spend is not read from Meta for six hours.")),
)
