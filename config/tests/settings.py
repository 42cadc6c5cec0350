"""The settings that tests run on: the product's own, with what the developer's machine could bring in shut out.

Only the servers may be chosen from outside: DATABASE_URL, CELERY_BROKER_URL and CACHE_URL.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PRODUCT_VARIABLES = (
    *(
        "SECRET_KEY",
        "DEBUG",
        "ALLOWED_HOSTS",
        "APP_URL",
        "PORT",
        "WEB_CONCURRENCY",
        "FIELD_ENCRYPTION_KEYS",
        "METRICS_TOKEN",
    ),
    *("AMOCRM_CLIENT_ID", "AMOCRM_CLIENT_SECRET", "AMOCRM_REDIRECT_URI", "AMOCRM_AUTH_URL", "AMOCRM_BASE_URL"),
    *("AMOCRM_REQUESTS_PER_SECOND", "AMOCRM_LEADS_SYNC_CRON_SCHEDULE", "AMOCRM_PIPELINES_SYNC_CRON_SCHEDULE"),
    *(
        "AMOCRM_BLOCK_PROBE_SECONDS",
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_CHAT_ID",
        "TELEGRAM_ALERT_CHAT_ID",
        "TELEGRAM_API_URL",
    ),
    *("META_ADS_TOKEN", "META_API_URL", "SENTRY_DSN", "TRUSTED_PROXIES"),
)


# Of each run's folder, once it is locked.
PREFIX = "voronka-tests-"


def _lock(folder: Path) -> int:
    """To the end of this process, however it ends.

    :raises OSError: another has it locked, or it is another user's.
    """
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _remove_what_killed_runs_left() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            held = _lock(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(held)


def _folder_of_this_run() -> Path:
    made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
    _lock(made)
    root = made.rename(made.with_name(made.name.removeprefix(".")))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def _shut_out_the_machine() -> None:
    for name in PRODUCT_VARIABLES:
        os.environ.pop(name, None)
    os.environ["ENV_FILE"] = os.devnull
    if "TEST_VAR_ROOT" not in os.environ:  # xdist's workers get the folder of the process that started them
        _remove_what_killed_runs_left()
        os.environ["TEST_VAR_ROOT"] = str(_folder_of_this_run())
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    os.environ["VAR_DIR"] = str(Path(os.environ["TEST_VAR_ROOT"]) / worker)


_shut_out_the_machine()

from config.settings import *  # noqa: E402, F403 - the product's settings, whole

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file rather than memory, so that threads and processes of a test meet each other as they do in life.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR.parent / "test.sqlite3")}  # noqa: F405
    # No test outlives a power cut, so no commit need wait for the disk.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # noqa: F405
# What a collectstatic would have made.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
# A hash that is made to be slow has nothing to show in tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
