"""System checks: what starts, and yet should not stand so in production (`manage.py check --deploy`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections

from config.databases import SQLITE
from config.environment import LOCAL_HOSTS

Apps = Sequence[AppConfig] | None


def _warning(number: int, text: str, hint: str) -> CheckMessage:
    return CheckWarning(text, hint=hint, id=f"voronka.W{number:03d}")


@register(Tags.security, deploy=True)
def debug_is_off(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    hint = "Leave DEBUG out, or set DEBUG=false: a debug page shows settings and data to whoever meets an error."
    return [_warning(1, "DEBUG is on.", hint)]


@register(Tags.security, deploy=True)
def keys_are_given(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Keys under var/ are lost with the disk, and the tokens in the database with them."""
    given = {"SECRET_KEY": settings.ENV.secret_key, "FIELD_ENCRYPTION_KEYS": settings.ENV.field_encryption_keys}
    hint = "Set {0} in the environment (today's value is in var/), so that every machine has the same and a backup too."
    return [
        _warning(2, f"{name} is one that was made here, under var/.", hint.format(name))
        for name, value in given.items()
        if not value
    ]


@register(Tags.security, deploy=True)
def hosts_are_named(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        return [_warning(3, "ALLOWED_HOSTS lets any host name in.", "Name the hosts: ALLOWED_HOSTS=roi.example.com")]
    return []


@register(Tags.urls)
def app_url_is_allowed(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """An address that people are sent to and that then answers 400 is a mistake anywhere."""
    host = urlsplit(settings.APP_URL).hostname or ""
    if any(_matches(host, allowed.strip("[]")) for allowed in settings.ALLOWED_HOSTS):
        return []
    hint = f"Add {host} to ALLOWED_HOSTS, or leave ALLOWED_HOSTS out."
    return [Error(f"APP_URL's host {host} is not among ALLOWED_HOSTS.", hint=hint, id="voronka.E001")]


def _matches(host: str, allowed: str) -> bool:
    if allowed.startswith("."):
        return host == allowed[1:] or host.endswith(allowed)
    return allowed in ("*", host)


@register(Tags.database)
def database_has_all_letters(
    app_configs: Apps, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Asked by `migrate`: whatever cannot be written down would be met by a delivery first."""
    wrong = []
    for database in (connections[name] for name in databases or ()):
        if database.vendor == "postgresql":
            with database.cursor() as cursor:
                cursor.execute("SHOW server_encoding")
                (encoding,) = cursor.fetchone()
            if encoding != "UTF8":
                wrong.append(encoding)
    hint = "Make another one: createdb --template template0 --encoding UTF8 --locale C.UTF-8 voronka"
    return [Error(f"The database's encoding is {one}, not UTF8.", hint=hint, id="voronka.E002") for one in wrong]


@register(Tags.database, deploy=True)
def database_suits_the_broker(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """A broker with a server speaks of several machines, and SQLite lives on one."""
    database = settings.DATABASES["default"]["ENGINE"]
    if database == SQLITE and not settings.CELERY_BROKER_URL.startswith("embedded"):
        hint = "Set DATABASE_URL=postgres://… , or leave CELERY_BROKER_URL out while one machine does it all."
        return [_warning(4, "The database is SQLite, which other machines cannot reach.", hint)]
    return []


@register(Tags.compatibility, deploy=True)
def broker_suits_the_database(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    database = settings.DATABASES["default"]["ENGINE"]
    if database != SQLITE and settings.CELERY_BROKER_URL.startswith("embedded"):
        hint = "Set CELERY_BROKER_URL=redis://… if web and worker run on different machines."
        return [_warning(5, "The broker is a folder of this machine, while the database is a server.", hint)]
    return []


@register(Tags.security, deploy=True)
def app_url_is_https(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    host = urlsplit(settings.APP_URL).hostname or ""
    if settings.APP_URL.startswith("https://"):
        return []
    local = host in {name.strip("[]") for name in LOCAL_HOSTS}
    hint = "amoCRM calls only an address that it can reach. " * local + "Set APP_URL=https://… as people open it."
    return [_warning(6, f"APP_URL is {settings.APP_URL}: cookies and signatures travel unprotected.", hint)]


@register(Tags.security, deploy=True)
def metrics_have_a_token(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.METRICS_TOKEN:
        return []
    return [_warning(7, "METRICS_TOKEN is not set: Prometheus cannot read /metrics.", "Set METRICS_TOKEN to a secret.")]


@register(Tags.compatibility, deploy=True)
def amocrm_application_is_given(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.AMOCRM_CLIENT_ID:
        return []
    hint = "Set AMOCRM_CLIENT_ID and AMOCRM_CLIENT_SECRET, from the integration's page in amoCRM."
    return [_warning(8, "No amoCRM integration is set: nobody can connect an account.", hint)]
