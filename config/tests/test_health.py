from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from pytest_django import DjangoAssertNumQueries

from config import beat
from config.celery import app


def test_alive_asks_no_database(client: Client) -> None:
    response = client.get("/healthz", headers={"cookie": "sessionid=whatever"})
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_ready_when_database_broker_and_beat_are_there(client: Client) -> None:
    beat.beat()
    response = client.get("/readyz")
    assert response.json()["checks"] == {"database": "ok", "broker": "ok", "beat": "ok"}
    assert response.status_code == 200


@pytest.mark.django_db
def test_not_ready_before_beat_was_ever_seen(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["beat"] == "never seen"
    assert response.json()["detail"] == "Not ready: beat."


@pytest.mark.django_db
def test_not_ready_when_beat_is_silent_for_three_minutes(client: Client) -> None:
    beat.beat()
    PeriodicTask.objects.filter(name=beat.HEARTBEAT).update(last_run_at=timezone.now() - timedelta(minutes=3))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["beat"].startswith("silent for 18")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has the clock of its machine")
@pytest.mark.django_db
def test_ready_also_where_the_clock_is_ahead_of_beats(client: Client) -> None:
    beat.beat()
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert client.get("/readyz").status_code == 200


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no standby")
@pytest.mark.django_db
def test_not_ready_while_the_database_may_only_be_read(client: Client) -> None:
    """As a standby that is to take over: no delivery can be stored."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    assert client.get("/readyz").json()["checks"]["database"] == "read-only"


@pytest.mark.django_db
def test_not_ready_without_a_broker(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beat.beat()
    (tmp_path / "file").touch()
    monkeypatch.setitem(app.conf, "broker_url", "embedded://localhost")
    monkeypatch.setitem(app.conf, "broker_write_url", "embedded://localhost")
    monkeypatch.setitem(app.conf, "broker_transport_options", {"folder": str(tmp_path / "file" / "broker")})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "broker": "out of reach", "beat": "ok"}


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        from django.db import OperationalError

        raise OperationalError("stopped")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "out of reach"
    assert "stopped" not in response.content.decode()


@pytest.mark.django_db
def test_a_heartbeat_is_one_statement_and_leaves_the_schedule_alone(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    beat.beat()
    before = PeriodicTasks.last_change()
    with django_assert_num_queries(1):
        beat.beat()
    assert PeriodicTasks.last_change() == before
    assert PeriodicTask.objects.get(name=beat.HEARTBEAT).enabled is False


@pytest.mark.django_db
def test_a_heartbeat_that_somebody_switches_on_is_known_to_workers() -> None:
    beat.beat()
    task = PeriodicTask.objects.get(name=beat.HEARTBEAT).task
    assert app.tasks[task].apply().successful()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_is_for_reading_says_so_as_json(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert "POST" in response.json()["detail"]
