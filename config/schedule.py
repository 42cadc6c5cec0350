"""What beat rings for, and when. Times are UTC."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

from config.environment import Environment

HOUR = 3600
CLOCKS_DIFFER = 600  # seconds, at most, from machine to machine


def beat_schedule(environment: Environment) -> dict[str, dict[str, Any]]:
    """Celery's `beat_schedule`: a name for people → task, schedule (seconds or a crontab), options.

    A message that waits while no worker runs says nothing new when the next comes, so each expires. When it does, is
    compared by the worker's clock with what beat's clock said: a worker that is ahead would drop what is due at once.
    """
    return {
        "Wake the drains whose bell was not heard": _every(15, "integrations.sweep"),
        "Send notifications whose bell was not heard": _every(60, "integrations.sweep_notifications"),
        "Send leads whose bell was not heard": _every(60, "integrations.sweep_pushes"),
        "Tell operators what is not well": _every(60, "integrations.watch"),
        "Queue daily summaries": _every(900, "integrations.daily_summaries"),
        "Start syncs that are due, go on with those cut short": _every(60, "integrations.tend_syncs"),
        "Read deals, find what no hook told": _at(environment.amocrm_leads_sync, "integrations.plan_syncs"),
        "Finish connections that were cut short": _every(60, "integrations.tend_connections"),
        "Look after hooks, each account's once an hour": _every(60, "integrations.look_after_hooks"),
        "Remove deliveries that were kept long enough": _every(900, "integrations.prune_deliveries"),
        "Read pipelines": _at(environment.amocrm_pipelines_sync, "integrations.sync_pipelines"),
        "Fold the rollups that reports read": _every(60, "analytics.tend_rollups"),
        "Read spend from Meta, each ad account's once a day": _every(60, "integrations.tend_meta"),
        "Write down what the reports said, after each account's midnight": _every(300, "analytics.take_snapshots"),
        "Renew idle amoCRM tokens": _at(crontab(minute="17", hour="3"), "integrations.refresh_idle_tokens"),
    }


def _at(when: crontab, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": when, "options": {"expire_seconds": HOUR}}


def _every(seconds: int, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expire_seconds": max(seconds, CLOCKS_DIFFER)}}
