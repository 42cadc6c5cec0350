from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import environ
import pytest
from celery.schedules import crontab
from cryptography.fernet import Fernet

from config import environment
from config.env import EnvError, read_file


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL"):
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> environment.Environment:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return environment.read()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(EnvError) as refused:
        read(monkeypatch, **variables)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_nothing_needs_to_be_set() -> None:
    env = environment.read()
    assert env.app_url == "http://localhost:8000"
    assert env.amocrm_redirect_uri == "http://localhost:8000/amocrm/callback"
    assert env.amocrm_auth_url == "https://www.amocrm.ru/oauth"
    assert env.amocrm_base_url == ""
    assert env.amocrm_requests_per_second == 7
    assert env.database["NAME"] == str(env.var_dir / "voronka.sqlite3")
    assert env.celery_broker_url.startswith("embedded://")
    assert env.debug is False
    assert env.allowed_hosts == ["localhost", "127.0.0.1", "[::1]"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eight"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("PORT", "٨٠"),
        ("PORT", "9" * 5000),
        ("DEBUG", "maybe"),
        ("APP_URL", "roi.example.com"),
        ("APP_URL", "ftp://roi.example.com"),
        ("APP_URL", "https://"),
        ("APP_URL", "https://host:port"),
        ("APP_URL", "http://[::1"),
        ("APP_URL", "https://roi example.com"),
        ("APP_URL", "https://example.com/roi"),
        ("APP_URL", "https://roi.example.com?from=ad"),
        ("APP_URL", "https://roi.example.com#top"),
        ("APP_URL", "https://*"),
        ("APP_URL", "https://.example.com"),
        ("APP_URL", "https://воронка.рф"),
        ("APP_URL", "http://localhost:0"),
        ("ALLOWED_HOSTS", "https://roi.example.com"),
        ("ALLOWED_HOSTS", "roi.example.com:8000"),
        ("ALLOWED_HOSTS", "good.example.com,bad host"),
        ("DATABASE_URL", "mysql://localhost/voronka"),
        ("DATABASE_URL", "postgres://localhost"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgres://localhost:port/voronka"),
        ("CELERY_BROKER_URL", "nonsense"),
        ("CELERY_BROKER_URL", "sqs://"),
        ("CELERY_BROKER_URL", "redis://localhost/zero"),
        ("CELERY_BROKER_URL", "redis://localhost/0?timeout=5"),
        ("CELERY_BROKER_URL", "rediss://localhost/0?ssl_cert_reqs=requird"),
        ("CACHE_URL", "memcache://localhost"),
        ("CACHE_URL", "redis://localhost/0/1"),
        ("FIELD_ENCRYPTION_KEYS", "short"),
        ("FIELD_ENCRYPTION_KEYS", ","),
        ("FIELD_ENCRYPTION_KEYS", base64.urlsafe_b64encode(bytes(32)).decode() + ",short"),
        ("METRICS_TOKEN", "two words"),
        ("METRICS_TOKEN", '"quoted"'),
        ("TELEGRAM_BOT_TOKEN", "'123:abc'"),
        ("META_ADS_TOKEN", "ключ"),
        ("AMOCRM_BASE_URL", "localhost:8100"),
        ("AMOCRM_BASE_URL", "http://127.0.0.1:8100/?account=1"),
        ("AMOCRM_BASE_URL", "http://127.0.0.1:8100/#api"),
        ("AMOCRM_AUTH_URL", "oauth"),
        ("AMOCRM_REDIRECT_URI", "/amocrm/callback"),
        ("AMOCRM_REQUESTS_PER_SECOND", "0"),
        ("AMOCRM_REQUESTS_PER_SECOND", "-7"),
        ("AMOCRM_REQUESTS_PER_SECOND", "nan"),
        ("AMOCRM_REQUESTS_PER_SECOND", "inf"),
        ("AMOCRM_REQUESTS_PER_SECOND", "many"),
        ("AMOCRM_BLOCK_PROBE_SECONDS", "0"),
        ("AMOCRM_LEADS_SYNC_CRON_SCHEDULE", "often"),
        ("AMOCRM_LEADS_SYNC_CRON_SCHEDULE", "* * * *"),
        ("AMOCRM_LEADS_SYNC_CRON_SCHEDULE", "61 * * * *"),
        ("AMOCRM_LEADS_SYNC_CRON_SCHEDULE", "*/0 * * * *"),
        ("AMOCRM_PIPELINES_SYNC_CRON_SCHEDULE", "0 25 * * *"),
        ("TELEGRAM_API_URL", "api.telegram.org"),
        ("TELEGRAM_API_URL", "https://api.telegram.org?x"),
        ("TELEGRAM_BOT_TOKEN", "123:abc/def"),
        ("SENTRY_DSN", "https://sentry.example.com/1"),
        ("WEB_CONCURRENCY", "0"),
        ("META_ADS_TOKEN", "two words"),
    ],
)
def test_a_senseless_value_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert refusal(monkeypatch, **{name: value}).startswith(name)


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"AMOCRM_CLIENT_ID": "id"}, "AMOCRM_CLIENT_SECRET"),
        ({"AMOCRM_CLIENT_SECRET": "secret"}, "AMOCRM_CLIENT_ID"),
        ({"TELEGRAM_CHAT_ID": "1"}, "TELEGRAM_BOT_TOKEN"),
    ],
)
def test_half_of_a_pair_is_missing_its_other_half(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], missing: str
) -> None:
    assert refusal(monkeypatch, **variables).startswith(f"{missing}: it is missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@localhost/voronka"),
        ("CELERY_BROKER_URL", "sqs://user:hunter2@localhost"),
        ("FIELD_ENCRYPTION_KEYS", "hunter2"),
        ("TELEGRAM_BOT_TOKEN", "hunter2 /"),
        ("APP_URL", "https://user:hunter2@roi.example.com"),
        ("SENTRY_DSN", "ftp://hunter2@host"),
    ],
)
def test_a_refusal_shows_no_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert "hunter2" not in refusal(monkeypatch, **{name: value})


def test_a_blank_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    env = read(monkeypatch, PORT="", DEBUG=" ", DATABASE_URL="", AMOCRM_BASE_URL="", FIELD_ENCRYPTION_KEYS="")
    assert (env.port, env.debug, env.amocrm_base_url, env.field_encryption_keys) == (8000, False, "", [])


def test_proper_values_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    env = read(
        monkeypatch,
        PORT="9000",
        DEBUG="True",
        APP_URL="https://roi.example.com/",
        SECRET_KEY="$begins with a dollar",
        DATABASE_URL="postgresql://user:p%40ss@db:5433/voronka?sslmode=require",
        FIELD_ENCRYPTION_KEYS=" , ".join(keys),
        AMOCRM_REQUESTS_PER_SECOND="0.5",
        AMOCRM_BASE_URL="http://127.0.0.1:8100/",
        AMOCRM_LEADS_SYNC_CRON_SCHEDULE="*/5 1-3 * * mon",
    )
    assert (env.port, env.debug, env.app_url) == (9000, True, "https://roi.example.com")
    assert env.allowed_hosts == ["localhost", "127.0.0.1", "[::1]", "roi.example.com"]
    assert env.secret_key == "$begins with a dollar"
    assert env.database["PASSWORD"] == "p@ss"
    assert env.database["OPTIONS"] == {"sslmode": "require"}
    assert env.field_encryption_keys == keys
    assert env.amocrm_requests_per_second == 0.5
    assert env.amocrm_base_url == "http://127.0.0.1:8100"
    assert env.amocrm_leads_sync == crontab(minute="*/5", hour="1-3", day_of_week="mon")


def test_the_documented_default_of_the_base_address_means_no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, AMOCRM_BASE_URL="https://{subdomain}.{domain}").amocrm_base_url == ""


def test_the_environment_wins_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# a comment\nPORT=9001\nexport METRICS_TOKEN='from the-file'\n")
    monkeypatch.setenv("PORT", "9002")
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    read_file(file)
    try:
        assert (os.environ["PORT"], os.environ["METRICS_TOKEN"]) == ("9002", "from the-file")
    finally:
        os.environ.pop("METRICS_TOKEN", None)


def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(EnvError, match="UTF-8"):
        read_file(tmp_path / ".env")


def test_a_file_saved_on_windows_says_what_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfMETRICS_TOKEN=first\r\nMETA_ADS_TOKEN=second\r\n")
    monkeypatch.setattr(environ.Env, "ENVIRON", {})
    read_file(tmp_path / ".env")
    assert environ.Env.ENVIRON == {"METRICS_TOKEN": "first", "META_ADS_TOKEN": "second"}


@pytest.mark.parametrize("line", ["METRICS_TOKEN = hush", "METRICS_TOKEN: hush", " METRICS_TOKEN=hush", "hush"])
def test_a_line_that_sets_nothing_is_refused_without_showing_it(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"# a file\n\n{line}\n")
    with pytest.raises(EnvError, match=r"^\.env: line 3 sets nothing") as refused:
        read_file(tmp_path / ".env")
    assert "hush" not in str(refused.value)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A file in a folder into which this process may not look. Root may look everywhere: then it is nobody."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    before = os.geteuid()
    os.seteuid(before or 65534)
    yield tmp_path / "closed" / ".env"
    os.seteuid(before)
    (tmp_path / "closed").chmod(0o700)


def test_a_file_that_cannot_be_read_is_refused_in_one_line(closed: Path) -> None:
    with pytest.raises(EnvError, match="cannot be read"):
        read_file(closed)


@pytest.mark.parametrize("path", ["voronka.env", "."])  # none, and a folder
def test_a_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("ENV_FILE", str(tmp_path / path))
    with pytest.raises(EnvError, match="ENV_FILE"):
        environment.read_env_file()
