"""The variables that the product reads (CONTRACT "Environment"), read once and in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab

from config.env import Reader, read_file, refuse

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HIGHEST_PORT = 65535
BASE_URL_TEMPLATE = "https://{subdomain}.{domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the variables say, checked. Empty text: not given."""

    var_dir: Path
    secret_key: str
    debug: bool
    allowed_hosts: list[str]
    app_url: str
    port: int
    web_concurrency: int
    database: dict[str, Any]
    celery_broker_url: str
    cache_url: str
    field_encryption_keys: list[str]
    metrics_token: str
    amocrm_client_id: str
    amocrm_client_secret: str
    amocrm_redirect_uri: str
    amocrm_auth_url: str
    amocrm_base_url: str
    amocrm_requests_per_second: float
    amocrm_leads_sync: crontab
    amocrm_pipelines_sync: crontab
    amocrm_block_probe_seconds: float
    telegram_bot_token: str
    telegram_chat_id: str
    telegram_alert_chat_id: str
    telegram_api_url: str
    meta_ads_token: str
    meta_api_url: str
    sentry_dsn: str
    trusted_proxies: int

    @property
    def secrets(self) -> list[str]:
        """What must never be printed, beside the keys."""
        password = str(self.database.get("PASSWORD") or "")
        tokens = [self.metrics_token, self.amocrm_client_secret, self.telegram_bot_token, self.meta_ads_token]
        return [*tokens, self.sentry_dsn, password]


def var_dir() -> Path:
    """Where the product keeps its own keys, SQLite and the embedded broker: `var/`, or what VAR_DIR names."""
    return Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").resolve()


def read_env_file() -> None:
    """Adds what `.env` in the checkout (or the file that ENV_FILE names) says; the real environment wins."""
    named = os.environ.get("ENV_FILE")
    if named and (os.path.isdir(named) or not os.path.exists(named)):  # noqa: PTH110, PTH112 - may not raise
        refuse(
            "ENV_FILE", "and this process finds no such file", "Name one that is there, or leave it out", value=named
        )
    read_file(Path(named or BASE_DIR / ".env"))


def read_run_file() -> None:
    """Adds, weakest of all, what the last `make run` chose: its address and its sandbox's.

    For `manage.py` only, so that it finds what runs. A web or worker process that is started otherwise must not meet a
    sandbox that someone once tried in the same checkout.
    """
    read_env_file()
    read_file(var_dir() / "run.env")


def read() -> Environment:
    """:raises EnvError: at the first variable that is missing or senseless."""
    env = Reader()
    port = env.whole("PORT", default=8000, highest=HIGHEST_PORT)
    app_url = env.origin("APP_URL", f"http://localhost:{port}", example="https://roi.example.com")
    directory = var_dir()
    environment = Environment(
        var_dir=directory,
        secret_key=env.text("SECRET_KEY"),
        debug=env.boolean("DEBUG", default=False),
        allowed_hosts=env.hosts("ALLOWED_HOSTS") or default_hosts(app_url),
        app_url=app_url,
        port=port,
        web_concurrency=env.whole("WEB_CONCURRENCY", default=2, highest=1000),
        database=env.database("DATABASE_URL", default=directory / "voronka.sqlite3"),
        celery_broker_url=env.broker(
            "CELERY_BROKER_URL",
            schemes=("embedded", "redis", "rediss", "amqp", "amqps"),
            example="redis://localhost:6379/0",
            default="embedded://localhost",  # the host says nothing, but kombu warns of an address without one
        ),
        cache_url=env.dsn(
            "CACHE_URL",
            schemes=("locmemcache", "locmem", "redis", "rediss"),
            example="redis://localhost:6379/1",
            default="locmemcache://",
        ),
        field_encryption_keys=env.fernet_keys("FIELD_ENCRYPTION_KEYS"),
        metrics_token=env.token("METRICS_TOKEN"),
        amocrm_client_id=env.token("AMOCRM_CLIENT_ID"),
        amocrm_client_secret=env.token("AMOCRM_CLIENT_SECRET"),
        amocrm_redirect_uri=env.url(
            "AMOCRM_REDIRECT_URI", f"{app_url}/amocrm/callback", example="https://roi.example.com/amocrm/callback"
        ),
        amocrm_auth_url=env.url(
            "AMOCRM_AUTH_URL", "https://www.amocrm.ru/oauth", example="https://www.amocrm.ru/oauth"
        ),
        amocrm_base_url=_amocrm_base_url(env),
        amocrm_requests_per_second=env.positive("AMOCRM_REQUESTS_PER_SECOND", default=7, highest=1000),
        amocrm_leads_sync=env.cron("AMOCRM_LEADS_SYNC_CRON_SCHEDULE", "0 */6 * * *"),
        amocrm_pipelines_sync=env.cron("AMOCRM_PIPELINES_SYNC_CRON_SCHEDULE", "0 */12 * * *"),
        amocrm_block_probe_seconds=env.positive("AMOCRM_BLOCK_PROBE_SECONDS", default=60, highest=86400),
        telegram_bot_token=env.token("TELEGRAM_BOT_TOKEN", forbidden="/?#"),
        telegram_chat_id=env.token("TELEGRAM_CHAT_ID"),
        telegram_alert_chat_id=env.token("TELEGRAM_ALERT_CHAT_ID"),
        telegram_api_url=env.base("TELEGRAM_API_URL", "https://api.telegram.org", example="https://api.telegram.org"),
        meta_ads_token=env.token("META_ADS_TOKEN"),
        meta_api_url=env.base(
            "META_API_URL", "https://graph.facebook.com/v24.0", example="https://graph.facebook.com/v24.0"
        ),
        sentry_dsn=env.url_with_key("SENTRY_DSN", example="https://key@sentry.example.com/1"),
        trusted_proxies=env.whole("TRUSTED_PROXIES", default=0, lowest=0, highest=10),
    )
    _check_pairs(environment)
    return environment


def default_hosts(app_url: str) -> list[str]:
    """Who may be asked for when ALLOWED_HOSTS does not say: this machine, and the address that people use."""
    hostname = urlsplit(app_url).hostname or "localhost"
    own = f"[{hostname}]" if ":" in hostname else hostname
    return list(dict.fromkeys((*LOCAL_HOSTS, own)))


def _amocrm_base_url(env: Reader) -> str:
    # The documented default, written out, is no host: it means "no override".
    if env.text("AMOCRM_BASE_URL") == BASE_URL_TEMPLATE:
        return ""
    return env.base("AMOCRM_BASE_URL", example="http://127.0.0.1:8100")


def _check_pairs(environment: Environment) -> None:
    """Values that mean nothing without another."""
    pairs = (
        ("AMOCRM_CLIENT_ID", environment.amocrm_client_id, "AMOCRM_CLIENT_SECRET", environment.amocrm_client_secret),
        ("AMOCRM_CLIENT_SECRET", environment.amocrm_client_secret, "AMOCRM_CLIENT_ID", environment.amocrm_client_id),
        ("TELEGRAM_CHAT_ID", environment.telegram_chat_id, "TELEGRAM_BOT_TOKEN", environment.telegram_bot_token),
        (
            "TELEGRAM_ALERT_CHAT_ID",
            environment.telegram_alert_chat_id,
            "TELEGRAM_BOT_TOKEN",
            environment.telegram_bot_token,
        ),
    )
    for given, value, needed, other in pairs:
        if value and not other:
            refuse(needed, f"it is missing while {given} is set", f"Set {needed} too, or leave {given} out")
