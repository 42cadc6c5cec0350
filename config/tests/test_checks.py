from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection

from config.tests.test_start import start

PRODUCTION: dict[str, Any] = {
    "DEBUG": False,
    "APP_URL": "https://roi.example.com",
    "ALLOWED_HOSTS": ["roi.example.com"],
    "METRICS_TOKEN": "token-of-prometheus",
    "AMOCRM_CLIENT_ID": "an-id",
    "CELERY_BROKER_URL": "redis://localhost/0",
    "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "voronka"}},
    "ENV": replace(settings.ENV, secret_key="given", field_encryption_keys=["given"]),
}
# What the checks read is replaced; nothing connects.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}}


@pytest.fixture
def production(settings: Any) -> Any:
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


def ids() -> set[str]:
    messages = run_checks(include_deployment_checks=True)
    return {str(message.id) for message in messages if str(message.id).startswith("voronka.")}


def test_a_proper_production_is_clean(production: Any) -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DEBUG": True}, {"voronka.W001"}),
        ({"ENV": replace(PRODUCTION["ENV"], secret_key="")}, {"voronka.W002"}),
        ({"ENV": replace(PRODUCTION["ENV"], field_encryption_keys=[])}, {"voronka.W002"}),
        ({"ALLOWED_HOSTS": ["*"]}, {"voronka.W003"}),
        ({"ALLOWED_HOSTS": ["other.example.com"]}, {"voronka.E001"}),
        ({"ALLOWED_HOSTS": [".example.com"]}, set()),
        ({"DATABASES": SQLITE}, {"voronka.W004"}),
        ({"CELERY_BROKER_URL": "embedded://localhost"}, {"voronka.W005"}),
        ({"DATABASES": SQLITE, "CELERY_BROKER_URL": "embedded://localhost"}, set()),
        ({"APP_URL": "http://roi.example.com"}, {"voronka.W006"}),
        ({"METRICS_TOKEN": ""}, {"voronka.W007"}),
        ({"AMOCRM_CLIENT_ID": ""}, {"voronka.W008"}),
    ],
)
def test_what_should_not_stand_so_is_said(production: Any, changes: dict[str, Any], expected: set[str]) -> None:
    for name, value in changes.items():
        setattr(production, name, value)
    assert ids() == expected


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has all letters")
def test_a_database_without_all_letters_is_refused_by_migrate(tmp_path: Path, django_db_setup: None) -> None:
    server, name = urlsplit(os.environ["DATABASE_URL"]), f"letters_{os.getpid()}"
    with psycopg.connect(server.geturl(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        try:
            database = server._replace(path=f"/{name}").geturl()
            done = start([sys.executable, "manage.py", "migrate"], tmp_path, DATABASE_URL=database)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert done.returncode != 0
    assert "The database's encoding is SQL_ASCII, not UTF8." in done.stderr
    assert "--encoding UTF8" in done.stderr
