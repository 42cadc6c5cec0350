"""Who reads the database, or a backup of it, finds no secret there: nothing to sign in with, here or elsewhere."""

from __future__ import annotations

import importlib
import json
import re
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from pytest_django import Settings
from rest_framework.test import APIClient

from integrations.amocrm.client import AmoCRMClient
from integrations.connecting.set_up import set_up
from integrations.intake.signature import sign
from integrations.models import AmoCRMConnection, ConnectionState, Hook, MetaAdAccount, SaleNotification
from integrations.tests.meta_world import ACT, ad_account_of, pull
from integrations.tests.test_notify import queue, send, sold
from leads.models import Membership, User, UserAccount
from sandbox import CLIENT_ID, CLIENT_SECRET, Server

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD, MISTYPED = "owner@example.com", "correct-horse-staple", "correct-horse-stapel"
NOWHERE = "http://127.0.0.1:9"
OF_THE_SERVER = {
    "TELEGRAM_BOT_TOKEN": "123456:secret-of-the-bot",
    "META_ADS_TOKEN": "secret-of-the-server-at-meta",
    "METRICS_TOKEN": "secret-of-prometheus",
    "AMOCRM_CLIENT_SECRET": CLIENT_SECRET,
}


def dump() -> bytes:
    """All that the database holds, as bytes; on SQLite the whole file with its free pages."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        return bytes(connection.connection.serialize())
    found: list[bytes] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT binary)') as copy:
                found += map(bytes, copy)
    return b"".join(found)


def readable(secrets: dict[str, str]) -> list[str]:
    """Which of them stand in the database as they are, or as a part of an address."""
    dumped = dump()
    return [kind for kind, secret in secrets.items() if secret.encode() in dumped or quote(secret).encode() in dumped]


def made_by(*command: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*command, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def signed_in() -> Client:
    """A browser in which the owner signed in at the second try."""
    browser = Client()
    for password in (MISTYPED, PASSWORD):
        browser.post("/login/?next=/app/", {"username": EMAIL, "password": password})
    return browser


def connected_by_oauth(browser: Client, server: Server) -> dict[str, str]:
    """Consent, the hook registered, the pair renewed once. What was secret in that."""
    state = parse_qs(urlsplit(browser.get("/amocrm/auth")["Location"]).query)["state"][0]
    code = server.crm.oauth.code_for(CLIENT_ID, server.crm.demo.id)
    browser.get("/amocrm/callback", {"code": code, "state": state, "referer": "demo.amocrm.ru"})
    first = AmoCRMConnection.objects.get()
    set_up(first)
    server.crm.oauth.access[first.access_token].revoked = True
    AmoCRMClient(first).account()
    second = AmoCRMConnection.objects.get()
    assert second.access_token != first.access_token
    return {
        "code": code,
        "first access token": first.access_token,
        "first refresh token": first.refresh_token,
        "access token": second.access_token,
        "refresh token": second.refresh_token,
        "hook's signature": sign(second.user_account_id, Hook.AMOCRM, 1),
    }


def told_to_nobody(account: UserAccount, settings: Settings) -> None:
    """A message and a reading of Meta that fail, each with a token in its address."""
    queue(account, sold(account))
    settings.TELEGRAM_API_URL = NOWHERE
    send()
    pull(MetaAdAccount.objects.get())
    assert SaleNotification.objects.get().detail
    assert MetaAdAccount.objects.get().problem_detail


def made_in_the_admin(browser: Client) -> str:
    """An API token as the one who runs the installation makes it; it is told once."""
    User.objects.update(is_superuser=True)
    owner = User.objects.get().pk
    page = browser.post(reverse("admin:leads_apitoken_add"), {"user": owner}, follow=True).content.decode()
    (token,) = re.findall(r"\b[0-9a-f]{40}\b", page)
    return str(token)


def test_no_secret_can_be_read_in_a_dump_of_the_database(amocrm: Server, settings: Settings) -> None:
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_AUTH_URL = CLIENT_ID, f"{amocrm.url}/oauth"
    settings.META_API_URL, settings.TELEGRAM_CHAT_ID = f"{NOWHERE}/meta", "-100500"
    for name, value in OF_THE_SERVER.items():
        setattr(settings, name, value)
    secrets = OF_THE_SERVER | {"password": PASSWORD, "mistyped password": MISTYPED}
    created = made_by("create_account", "Clinic", "--email", EMAIL, "--password", PASSWORD)
    secrets["API token"] = created["token"]
    browser = signed_in()
    secrets |= connected_by_oauth(browser, amocrm) | {"session": browser.cookies["sessionid"].value}
    secrets["token made in the admin"] = made_in_the_admin(browser)
    second = made_by("create_account", "Second", "--email", EMAIL, "--password", PASSWORD)
    secrets["long-lived token"] = amocrm.crm.long_lived_token(amocrm.crm.add_account("second"))
    named = ("--subdomain", "second", "--token", secrets["long-lived token"])
    made_by("connect_token", second["user_account_id"], *named)
    account = UserAccount.objects.get(pk=created["user_account_id"])
    secrets["Meta token"] = "secret-of-the-account-at-meta"
    MetaAdAccount.objects.filter(pk=ad_account_of(account).pk).update(access_token=secrets["Meta token"])
    told_to_nobody(account, settings)
    assert readable(secrets | {"what is no secret": EMAIL}) == ["what is no secret"]


def test_a_token_and_a_session_made_before_digests_were_kept_stay_good() -> None:
    user = User.objects.create_user(EMAIL, PASSWORD)
    Membership.objects.create(user=user, user_account=UserAccount.objects.create(name="Clinic"))
    browser, token = Client(), "0123456789abcdef0123456789abcdef01234567"
    browser.force_login(user, "django.contrib.auth.backends.ModelBackend")
    session = browser.cookies["sessionid"].value
    Session.objects.update(session_key=session)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, created timestamp, user_id bigint)")
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, CURRENT_TIMESTAMP, %s)", [token, user.pk])
    migration = importlib.import_module("leads.migrations.0011_tokens_by_digest")
    with connection.schema_editor() as editor:
        migration.tokens_by_digest(apps, editor)
        migration.sessions_by_digest(apps, editor)
    assert APIClient(HTTP_AUTHORIZATION=f"Token {token}").get("/leads").status_code == 200
    assert browser.get("/leads").status_code == 200
    assert readable({"token": token, "session": session}) == []


def test_a_session_ends_with_signing_out_and_what_the_database_keeps_of_it_opens_nothing() -> None:
    User.objects.create_user(EMAIL, PASSWORD)
    browser, thief = signed_in(), Client()
    session = browser.cookies["sessionid"].value
    thief.cookies["sessionid"] = Session.objects.get().session_key
    assert "/login/" in thief.get("/app/")["Location"]
    browser.post("/logout/")
    assert not Session.objects.filter(expire_date__gt=now(), session_data__gt="").exists()
    thief.cookies["sessionid"] = session
    assert "/login/" in thief.get("/app/")["Location"]


def test_where_the_key_is_lost_what_it_kept_can_be_forgotten_and_the_account_opens(
    settings: Settings, alfa: UserAccount
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    AmoCRMConnection.objects.create(
        user_account=alfa, state=ConnectionState.CONNECTED, access_token="secret", webhook_destination="https://x.kz/"
    )
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    MetaAdAccount.objects.create(user_account=alfa, act_id=ACT, access_token="at meta")
    with pytest.raises(CommandError, match="--forget"):
        made_by("encrypt_anew")
    assert made_by("encrypt_anew", "--forget") == {"encrypted": 2}
    kept = AmoCRMConnection.objects.get()
    assert (kept.state, kept.access_token, kept.webhook_destination) == (ConnectionState.RECONNECT_NEEDED, "", "")
    assert (kept.problem_code, kept.next_attempt_at) == ("reconnect_needed", None)
    assert kept.problem_since
    assert "key" in kept.problem_detail
    assert MetaAdAccount.objects.get().access_token == "at meta"


def test_after_encrypting_anew_the_old_key_is_needed_no_more(settings: Settings, alfa: UserAccount) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [old]
    AmoCRMConnection.objects.create(user_account=alfa, access_token="secret", webhook_destination="https://x.kz/?sig=1")
    MetaAdAccount.objects.create(user_account=alfa, act_id=ACT, access_token="at meta")
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert made_by("encrypt_anew") == {"encrypted": 2}
    settings.FIELD_ENCRYPTION_KEYS = [new]
    kept = AmoCRMConnection.objects.get()
    assert (kept.access_token, kept.refresh_token, kept.webhook_destination) == ("secret", "", "https://x.kz/?sig=1")
    assert MetaAdAccount.objects.get().access_token == "at meta"
    settings.FIELD_ENCRYPTION_KEYS = [old]
    with pytest.raises(ImproperlyConfigured):
        MetaAdAccount.objects.get()
