from __future__ import annotations

from django.conf import settings

from config.celery import app, task_packages


def test_every_scheduled_task_is_one_that_workers_know() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled <= set(app.tasks)


def test_tasks_are_found_wherever_they_stand() -> None:
    assert "integrations" in task_packages()


def test_what_beat_rings_for_does_not_pile_up() -> None:
    assert all(entry["options"]["expires"] for entry in settings.CELERY_BEAT_SCHEDULE.values())
