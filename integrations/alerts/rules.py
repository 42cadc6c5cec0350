"""The conditions as Prometheus' alert rules, with the two that only an onlooker can tell."""

from __future__ import annotations

from typing import Any

from django.utils import translation

from integrations.alerts.conditions import CONDITIONS

# Beat cannot say that it is silent, nor a dead web that it is down.
_ONLOOKERS = (
    ("BeatSilent", "max(voronka_beat_silent_seconds) > 180", 0, "Beat is silent: nothing is swept, synced or renewed."),
    ("Unreachable", 'up{job="voronka"} == 0', 2, "Nobody answers /metrics."),
)


def alert_rules() -> dict[str, Any]:
    """The content of a rules file."""
    with translation.override("en"):
        told = [(one.name, one.expression, one.minutes, str(one.text)) for one in CONDITIONS]
    rules = [
        {
            "alert": f"Voronka{name}",
            "expr": expression,
            "for": f"{minutes}m",
            "annotations": {"summary": text},
        }
        for name, expression, minutes, text in (*told, *_ONLOOKERS)
    ]
    return {"groups": [{"name": "voronka", "rules": rules}]}
