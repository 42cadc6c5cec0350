"""Signed addresses, and what of the deliveries that come to them is stored."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from integrations.amocrm.errors import AmoCRMError
from integrations.connecting.hooks import hook_register
from integrations.intake import rotation
from integrations.intake.rotation import rotate
from integrations.intake.signature import Sender, hook_url, sender_of, sign, version_of
from integrations.intake.store import Arrival, NotStored, store
from integrations.models import AmoCRMConnection, ConnectionState, Hook, WebhookLog
from integrations.waking import Alarms
from leads.models import UserAccount
from sandbox import Fault, Server

SOMEBODY = uuid.UUID("11111111-2222-3333-4444-555555555555")


def address(sig: str, account_id: object = SOMEBODY) -> str:
    return urlencode({"user_id": str(account_id), "sig": sig})


@pytest.mark.parametrize("hook", Hook)
def test_an_address_speaks_for_the_account_hook_and_key_version_it_was_signed_for(hook: Hook) -> None:
    assert sender_of(address(sign(SOMEBODY, hook, 12)), hook) == Sender(SOMEBODY, hook, 12)


def test_a_signature_is_good_for_nothing_else() -> None:
    sig = sign(SOMEBODY, Hook.AMOCRM, 1)
    assert version_of(SOMEBODY, Hook.TRAFFIC, sig) is None
    assert version_of(uuid.uuid4(), Hook.AMOCRM, sig) is None
    assert version_of(SOMEBODY, Hook.AMOCRM, sig.replace("1-", "2-", 1)) is None


@pytest.mark.parametrize("version", ["", "-1", "+1", "1 ", "١", "¹", "0x1", "1_0", "9" * 10, "9" * 5000])
def test_a_version_that_is_no_plain_number_is_refused(version: str) -> None:
    digest = sign(SOMEBODY, Hook.AMOCRM, 1).partition("-")[2]
    assert version_of(SOMEBODY, Hook.AMOCRM, f"{version}-{digest}") is None


def test_versions_go_on_to_nine_digits() -> None:
    assert version_of(SOMEBODY, Hook.AMOCRM, sign(SOMEBODY, Hook.AMOCRM, 999_999_999)) == 999_999_999
    assert version_of(SOMEBODY, Hook.AMOCRM, sign(SOMEBODY, Hook.AMOCRM, 1_000_000_000)) is None


def test_addresses_that_were_given_out_stay_good(settings: Settings) -> None:
    settings.SECRET_KEY = "a key"
    given_out = "3-a20f808501dbf6d07147e446bda30bd30bb7bf7cb7c86444accabf2d9c01b208"
    assert sign(SOMEBODY, Hook.AMOCRM, 3) == given_out


@pytest.mark.parametrize("query", ["", "user_id=1&sig=1-x", f"user_id={SOMEBODY}", "sig=1-x", "user_id=%FF&sig=%00"])
def test_what_is_no_signed_address_speaks_for_nobody(query: str) -> None:
    assert sender_of(query, Hook.AMOCRM) is None


def test_addresses_signed_with_a_former_secret_key_go_on(settings: Settings) -> None:
    sig = sign(SOMEBODY, Hook.AMOCRM, 1)
    settings.SECRET_KEY, former = "another key", settings.SECRET_KEY
    assert version_of(SOMEBODY, Hook.AMOCRM, sig) is None
    settings.SECRET_KEY_FALLBACKS = ["yet another", former]
    assert version_of(SOMEBODY, Hook.AMOCRM, sig) == 1


@pytest.mark.parametrize("app_url", ["https://v.example", "https://v.example/"])
def test_the_address_for_amocrm_is_signed_with_the_accounts_present_key(settings: Settings, app_url: str) -> None:
    settings.APP_URL = app_url
    alfa = UserAccount(name="Alfa", hook_key_version=3)
    parts = urlsplit(hook_url(alfa, Hook.TRAFFIC))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://v.example/webhook/amocrm/traffic"
    assert parse_qs(parts.query) == {"user_id": [str(alfa.pk)], "sig": [sign(alfa.pk, Hook.TRAFFIC, 3)]}


def arrival(account: UserAccount, body: bytes = b"x", version: int = 1, **values: str) -> Arrival:
    return Arrival(Sender(account.pk, Hook.TRAFFIC, version), body, **values)


@pytest.mark.django_db
def test_deliveries_of_several_accounts_are_stored_together_each_with_its_own_answer() -> None:
    alfa, beta = (UserAccount.objects.create(name=name) for name in ("Alfa", "Beta"))
    UserAccount.objects.filter(pk=beta.pk).update(hook_key_oldest=2, hook_key_version=3)
    sent = [arrival(alfa, b"1")]
    sent += [arrival(beta, str(version).encode(), version) for version in (1, 2, 3, 4)]
    sent += [arrival(UserAccount(name="Unknown")), arrival(alfa, b"last", content_type="a/b", request_id="abc")]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        ids = store(sent)
    # On PostgreSQL all is one statement by the driver's own cursor, which Django does not count.
    assert len(asked) == (0 if connection.vendor == "postgresql" else 2)
    assert [stored is not None for stored in ids] == [True, False, True, True, False, False, True]
    stored = {row.pk: row for row in WebhookLog.objects.all()}
    assert len(stored) == 4
    for sending, delivery_id in zip(sent, ids, strict=True):
        if delivery_id is not None:
            row = stored[delivery_id]
            assert (row.user_account_id, row.source) == (sending.sender.account_id, Hook.TRAFFIC)
            assert (bytes(row.raw_body), row.content_type, row.request_id) == (
                sending.body,
                sending.content_type,
                sending.request_id,
            )


@pytest.mark.django_db
def test_a_header_longer_than_its_column_is_cut_and_loses_no_delivery() -> None:
    alfa = UserAccount.objects.create(name="Alfa")
    store([arrival(alfa, content_type="c" * 300, request_id="r" * 300)])
    row = WebhookLog.objects.get()
    assert (row.content_type, row.request_id) == ("c" * 200, "r" * 100)


@pytest.mark.django_db
def test_where_nobody_is_known_nothing_is_stored() -> None:
    assert store([arrival(UserAccount(name="Unknown"))] * 2) == [None, None]
    assert not WebhookLog.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_the_database_refuses_is_not_stored_and_the_reason_is_named() -> None:
    alfa = UserAccount.objects.create(name="Alfa")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhook_logs RENAME TO webhook_logs_away")
    try:
        with pytest.raises(NotStored, match=r"^(no such table: |relation \")webhook_logs(\" does not exist)?$"):
            store([arrival(alfa)])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhook_logs_away RENAME TO webhook_logs")
    assert store([arrival(alfa)]) != [None]


def accepted(account: UserAccount) -> list[int]:
    """The key versions with which a delivery of the account is taken."""
    return [version for version in range(6) if store([arrival(account, version=version)]) != [None]]


@pytest.mark.django_db
def test_after_a_rotation_only_the_new_address_is_good_and_only_of_that_account() -> None:
    alfa, beta = (UserAccount.objects.create(name=name) for name in ("Alfa", "Beta"))
    assert rotate(alfa).hook_key_version == 2
    assert (accepted(alfa), accepted(beta)) == ([2], [1])


def test_a_rotation_moves_amocrms_hook_before_the_old_address_is_retired(
    connected: UserAccount, amocrm: Server
) -> None:
    rotate(connected)
    [hook] = amocrm.crm.demo.hooks.values()
    assert hook.destination == hook_url(UserAccount.objects.get(), Hook.AMOCRM)
    assert accepted(connected) == [2]


def test_a_rotation_of_who_has_parted_from_amocrm_asks_it_nothing(connected: UserAccount, amocrm: Server) -> None:
    AmoCRMConnection.objects.update(state=ConnectionState.DISCONNECTED, access_token="", refresh_token="")
    account = rotate(connected)
    assert (account.hook_key_version, account.hook_key_oldest, amocrm.crm.requests) == (2, 2, [])


def test_while_amocrm_refuses_the_new_address_both_are_good(connected: UserAccount, amocrm: Server) -> None:
    amocrm.crm.faults.arm(Fault("status", status=400, times=1))
    with pytest.raises(AmoCRMError):
        rotate(connected)
    assert accepted(connected) == [1, 2]
    assert rotate(connected).hook_key_version == 3
    assert accepted(connected) == [3]


def test_while_amocrm_cannot_be_told_the_new_address_both_are_good(connected: UserAccount) -> None:
    AmoCRMConnection.objects.update(state=ConnectionState.RECONNECT_NEEDED)
    with pytest.raises(AmoCRMError):
        rotate(connected)
    assert accepted(connected) == [1, 2]


def test_of_two_rotations_at_once_neither_retires_the_address_that_amocrm_calls(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rotate_and_fail() -> None:
        amocrm.crm.faults.arm(Fault("status", status=400, times=1))
        with pytest.raises(AmoCRMError):
            rotate(connected)

    def register(connection: AmoCRMConnection) -> None:
        monkeypatch.undo()
        hook_register(connection)
        rotate_and_fail()

    monkeypatch.setattr(rotation, "hook_register", register)
    rotate(connected)
    [hook] = amocrm.crm.demo.hooks.values()
    version = int(hook.destination.partition("sig=")[2].partition("-")[0])
    assert version in accepted(connected)
    assert 1 not in accepted(connected)


def test_an_outage_of_a_thousand_rings_leaves_one_message() -> None:
    now, sent = 100.0, list[float]()
    alarms = Alarms(lambda: now)
    for _ring in range(1000):
        alarms.set("alfa", 30.0 - (now - 100.0), sent.append)
        now += 0.02
    assert sent == [30.0]
    alarms.set("beta", 30.0, sent.append)
    alarms.set("alfa", 1.0, sent.append)
    assert sent == [30.0, 30.0, 1.0], "another account's, and one that is earlier, are sent"
    now = 131.0
    alarms.set("alfa", 30.0, sent.append)
    assert sent[3:] == [30.0], "the one before has rung"


def test_a_ring_that_the_broker_refuses_is_not_counted_upon() -> None:
    alarms, sent = Alarms(), list[float]()

    def refuse(_seconds: float) -> None:
        raise OSError("no broker")

    with pytest.raises(OSError, match="no broker"):
        alarms.set("alfa", 30.0, refuse)
    alarms.set("alfa", 30.0, sent.append)
    assert sent == [30.0]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite's database is a file that one may delete")
def test_what_would_be_written_into_a_deleted_file_is_not_acknowledged(
    alfa: UserAccount, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    original = connection.settings_dict["NAME"]
    copy = Path(shutil.copy(original, tmp_path))
    monkeypatch.setitem(connection.settings_dict, "NAME", str(copy))
    arrival = Arrival(Sender(alfa.pk, Hook.AMOCRM, 1), b"a=b")
    try:
        stored = store([arrival])
        copy.unlink()
        assert "gone" in client.get("/readyz").json()["checks"]["database"]
        with pytest.raises(NotStored):
            store([arrival])
        shutil.copy(original, copy)
        assert store([arrival]) == stored != [None], "into the one that is there now"
    finally:
        connection.close()
