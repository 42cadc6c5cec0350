"""`alert_rules`: Prometheus' rules, as they are kept in deploy/prometheus/alerts.yaml."""

from __future__ import annotations

from typing import Any

import yaml
from django.core.management.base import BaseCommand

from integrations.alerts.rules import alert_rules


class Command(BaseCommand):
    help = "Print the alert rules for Prometheus."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(yaml.safe_dump(alert_rules(), sort_keys=False, allow_unicode=True, width=120).rstrip())
