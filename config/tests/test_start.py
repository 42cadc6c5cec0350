"""Every door into the product says in one line which variable makes no sense."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key

from benchmarks.scratch import scratch_database
from benchmarks.servers import free_port
from config.environment import BASE_DIR

PYTHON = sys.executable


def start(command: list[str], var_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    env = {
        **inherited,
        "VAR_DIR": str(var_dir),
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **variables,
    }
    return subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "check"],
        ["manage.py", "help"],
        ["manage.py", "runserver"],
        ["-m", "celery", "-A", "config", "worker", "--pool", "threads"],
        ["-m", "celery", "-A", "config", "beat"],
        ["-m", "config.web"],
        ["-m", "gunicorn", "config.asgi"],
        ["-m", "gunicorn", "--config", "python:json", "--bind", "127.0.0.1:0", "config.asgi"],
        ["-m", "config.run"],
    ],
    ids=lambda command: " ".join(command[:4]),
)
def test_a_senseless_variable_ends_the_start_with_one_line(tmp_path: Path, command: list[str]) -> None:
    done = start([PYTHON, *command], tmp_path, DEBUG="maybe")
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if "DEBUG" in line]
    assert told[0].startswith("voronka: DEBUG is 'maybe'")
    assert "Traceback" not in done.stderr
    if "json" not in " ".join(command):  # without our gunicorn.conf.py, its own lines come as well
        assert done.stderr.strip().splitlines() == told[:1]


@pytest.mark.parametrize("command", ["config.web", "config.run"])
def test_a_senseless_number_of_web_processes_ends_the_start_with_one_line(tmp_path: Path, command: str) -> None:
    done = start([PYTHON, "-m", command], tmp_path, WEB_CONCURRENCY="abc")
    assert done.returncode != 0
    assert re.fullmatch(r"voronka: WEB_CONCURRENCY is 'abc', [^\n]*\n", done.stderr)


@pytest.mark.skipif(find_spec("sentry_sdk") is not None, reason="sentry-sdk is installed")
def test_a_sentry_address_without_its_package_is_refused(tmp_path: Path) -> None:
    done = start([PYTHON, "manage.py", "check"], tmp_path, SENTRY_DSN="https://key@sentry.example.com/1")
    assert done.returncode != 0
    assert done.stderr.startswith("voronka: SENTRY_DSN: ")
    assert "pip install sentry-sdk" in done.stderr


# In the place of Sentry's own package: says what would be sent of an error after a call to Telegram.
SENTRY_SDK = """
def init(before_send, **options):
    crumb = {"category": "httplib", "data": {"url": "https://api.telegram.org/bot123456:AAtoken-of-ours/sendMessage"}}
    error = {"type": "ValueError", "value": "no client has +7 701 123 45 67; AAclient-secret; postgres-password"}
    request = {"url": "https://roi.example.com/webhooks/amocrm", "query_string": "sig=1-deadbeefdeadbeef&a=1"}
    event = {"level": "error", "breadcrumbs": {"values": [crumb]}, "exception": {"values": [error]}, "request": request}
    print(before_send(event, {}))
"""


def test_what_goes_to_sentry_has_neither_secrets_nor_phones(tmp_path: Path) -> None:
    (tmp_path / "sentry_sdk.py").write_text(SENTRY_SDK)
    done = start(
        [PYTHON, "manage.py", "check"],
        tmp_path,
        PYTHONPATH=str(tmp_path),
        SENTRY_DSN="https://key@sentry.example.com/1",
        TELEGRAM_BOT_TOKEN="123456:AAtoken-of-ours",
        AMOCRM_CLIENT_ID="client",
        AMOCRM_CLIENT_SECRET="AAclient-secret",
        DATABASE_URL="postgres://voronka:postgres-password@127.0.0.1:1/voronka",
    )
    assert "'url': 'https://roi.example.com/webhooks/amocrm'" in done.stdout, done.stderr
    for secret in ("AAtoken", "AAclient", "password", "deadbeef", "701"):
        assert secret not in done.stdout


@pytest.mark.parametrize("command", [["manage.py", "check"], ["-m", "config.web"], ["-m", "config.run"]])
def test_a_folder_that_takes_nothing_ends_the_start_with_one_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").touch()
    done = start([PYTHON, *command], tmp_path / "file", PORT=str(free_port()))
    assert done.returncode != 0
    assert [line.partition(" nothing")[0] for line in done.stderr.splitlines()] == ["voronka: VAR_DIR:"]


@pytest.mark.parametrize("key", ["secret_key", "field_encryption_key"])
@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_key_that_cannot_be_read_ends_the_start_with_one_line(tmp_path: Path, key: str, *, is_cut_off: bool) -> None:
    """A link to itself, since root, who may run this, can read any file."""
    (tmp_path / key).touch() if is_cut_off else (tmp_path / key).symlink_to(key)
    done = start([PYTHON, "manage.py", "check"], tmp_path)
    assert done.returncode != 0
    assert re.fullmatch(rf"voronka: VAR_DIR: [^\n]*{key} .*\n", done.stderr)


@pytest.mark.parametrize(
    ("database_url", "remedy"),
    [("", "manage.py migrate"), ("sqlite:////proc", "DATABASE_URL"), ("postgres://127.0.0.1:1/none", "DATABASE_URL")],
)
def test_a_database_that_is_not_ready_is_said_in_one_line(tmp_path: Path, database_url: str, remedy: str) -> None:
    command = [PYTHON, "manage.py", "webhook_url", "5c094651-3ce3-444d-8bce-57fb9332c009"]
    done = start(command, tmp_path, DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line for line in done.stderr.splitlines() if not line.startswith("timestamp=")]  # the pool's own warnings
    assert len(told) == 1
    assert remedy in told[0]


def test_the_first_start_makes_its_own_keys(tmp_path: Path) -> None:
    show = "from django.conf import settings as s; print(s.SECRET_KEY); print(*s.FIELD_ENCRYPTION_KEYS)"
    first = start([PYTHON, "-c", show], tmp_path)
    assert first.stderr == ""
    assert start([PYTHON, "-c", show], tmp_path).stdout == first.stdout
    for name in ("secret_key", "field_encryption_key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_only_manage_py_reads_what_the_last_run_chose(tmp_path: Path) -> None:
    (tmp_path / "run.env").write_text("PORT=8123\n")
    show = "from django.conf import settings; print(settings.PORT)"
    assert start([PYTHON, "-c", show], tmp_path).stdout.strip() == "8000"
    assert start([PYTHON, "manage.py", "shell", "-v", "0", "-c", show], tmp_path).stdout.strip() == "8123"
    assert start([PYTHON, "manage.py", "shell", "-v", "0", "-c", show], tmp_path, PORT="8124").stdout.strip() == "8124"


@pytest.mark.parametrize(
    ("app_url", "is_secure"), [("https://roi.example.com", True), ("http://localhost:8000", False)]
)
def test_cookies_are_for_https_alone_where_the_product_is(tmp_path: Path, app_url: str, is_secure: bool) -> None:
    show = (
        "from django.conf import settings as s;"
        "print({s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE}, s.SESSION_COOKIE_HTTPONLY, s.SECURE_HSTS_SECONDS > 0)"
    )
    done = start([PYTHON, "-c", show], tmp_path, APP_URL=app_url)
    assert done.stdout.strip() == f"{{{is_secure}}} True {is_secure}"


def test_the_deployment_check_of_a_proper_production_says_nothing(tmp_path: Path) -> None:
    done = start(
        [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        tmp_path,
        APP_URL="https://roi.example.com",
        ALLOWED_HOSTS="roi.example.com",
        SECRET_KEY=get_random_secret_key(),
        FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode(),
        METRICS_TOKEN="token-of-prometheus",
        DATABASE_URL="postgres://voronka@localhost/voronka",
        CELERY_BROKER_URL="redis://localhost/0",
        CACHE_URL="redis://localhost/1",
        AMOCRM_CLIENT_ID="an-id",
        AMOCRM_CLIENT_SECRET="a-secret",
        AMOCRM_REDIRECT_URI="https://roi.example.com/amocrm/callback",
    )
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (3 silenced).\n"), done.stderr


@pytest.mark.skipif(not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="of PostgreSQL")
@pytest.mark.parametrize("command", ["migrate", "check_ledger"])
def test_a_database_that_may_not_be_written_is_one_line(tmp_path: Path, command: str) -> None:
    """A standby, or (since PostgreSQL 15) one that belongs to another role."""
    with scratch_database(os.environ["DATABASE_URL"]) as url:
        read_only = f"{url}?options=-c%20default_transaction_read_only=on"
        done = start([PYTHON, "manage.py", command], tmp_path, DATABASE_URL=read_only)
    assert done.returncode == 1
    [told] = done.stderr.splitlines()
    assert told.startswith("voronka: the database did not do it: ")
