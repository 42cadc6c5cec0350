"""Sale notifications: queued with the sale, sent by the sandbox's Telegram, at most once each."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from celery import current_app
from django.db import connections, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from analytics.models import Referrer, Sale, SaleStatus, Targetologist
from integrations.models import NotificationSettings, NotificationState, SaleNotification
from integrations.notify import sending
from integrations.notify.money import money
from integrations.notify.outbox import enqueue_for, enqueue_summary
from integrations.notify.sending import give_up_the_lost, is_anything_due, send_again, send_due
from integrations.notify.summaries import queue_summaries
from integrations.notify.telegram import send_message
from integrations.tests import admin_world
from leads.amounts import money as money_on_pages
from leads.models import Membership, Role, User, UserAccount
from leads.tests.cast import client
from leads.told import retold
from sandbox import Server

TOKEN = "123456:secret-of-the-bot"
NOWHERE = "http://127.0.0.1:9"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a Telegram that answers as it does."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent(settings: Settings) -> Iterator[list[bytes]]:
    """A Telegram that takes each message and cuts the connection instead of answering. What it took."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.close_connection = True

    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, "-100500"
    with serving(Handler) as address:
        settings.TELEGRAM_API_URL = address
        yield taken


@pytest.fixture
def telegram(amocrm: Server, settings: Settings) -> Any:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, "-100500"
    return amocrm.crm.telegram


@pytest.fixture
def english(alfa: UserAccount) -> UserAccount:
    NotificationSettings.objects.create(user_account=alfa, language="en")
    return alfa


def sold(account: UserAccount, **values: Any) -> Sale:
    values = {
        "amount": Decimal(100_000),
        "currency": "KZT",
        "sold_at": timezone.now(),
        "client_name": "Aida",
        "client_phone": "+77011234567",
        "product": "Имплантация",
        "utm_campaign": "tripwire_test",
    } | values
    return Sale.objects.create(user_account=account, **values)


def kenesary(account: UserAccount, **values: Any) -> Targetologist:
    return Targetologist.objects.create(user_account=account, name="Kenesary", emoji="👑", **values)


def queue(account: UserAccount, *sales: Sale, met_by_sync: bool = False, now: datetime | None = None) -> int:
    with transaction.atomic():
        ids = [sale.pk for sale in sales]
        return enqueue_for(account, ids, met_by_sync=met_by_sync, now=now or timezone.now())


def send() -> list[float]:
    rings: list[float] = []
    send_due(ring_again=rings.append)
    return rings


def states() -> list[str]:
    return list(SaleNotification.objects.order_by("id").values_list("state", flat=True))


def make_due() -> None:
    SaleNotification.objects.update(next_attempt_at=None)


def test_a_sale_is_told_once_with_all_that_the_contract_asks_for(english: UserAccount, telegram: Any) -> None:
    sale = sold(english, targetologist=kenesary(english, telegram_chat_id=" 77 "))
    for queued in (1, 0):
        assert queue(english, sale) == queued
        send()
    assert [message.chat_id for message in telegram.messages] == ["77"]
    text = telegram.messages[0].text
    assert all(part in text for part in ("Kenesary 👑", "Aida", "100,000 ₸", "Имплантация", "tripwire_test"))
    assert states() == [NotificationState.SENT]
    assert SaleNotification.objects.get().message_id == telegram.messages[0].id


def test_without_a_targetologist_it_goes_to_the_common_chat_with_a_question_mark(
    english: UserAccount, telegram: Any
) -> None:
    queue(english, sold(english))
    send()
    assert telegram.messages[0].chat_id == "-100500"
    assert "❓" in telegram.messages[0].text


def test_a_referral_names_the_referrer_or_the_code_nobody_has(english: UserAccount, telegram: Any) -> None:
    Referrer.objects.create(user_account=english, code="ref_AIDA", name="Aida K")
    another = UserAccount.objects.create(name="Bravo")
    Referrer.objects.create(user_account=another, code="ref_nobody", name="Somebody else's")
    for code in ("REF_aida", "ref_nobody"):
        queue(english, sold(english, routing_decision="referral", utm_source=code))
    send()
    first, second = (message.text for message in telegram.messages)
    assert "Aida K" in first
    assert "ref_nobody" in second
    assert "Somebody" not in second
    assert "❓" not in first + second


@pytest.mark.parametrize("door", ["api", "admin"])
def test_a_purchase_that_people_enter_is_told_once_when_it_is_paid(
    english: UserAccount, telegram: Any, door: str
) -> None:
    user = User.objects.create_user("sam@x.kz", "pw", is_staff=True)
    Membership.objects.create(user=user, user_account=english, role=Role.STAFF)
    caller, browser = client(user), Client()
    browser.force_login(user)
    typed = {"amount": "4500", "currency": "KZT", "client_name": "Dana", "external_id": "A-1", "status": "pending"}
    now = timezone.localtime()
    if door == "admin":
        typed |= {"user_account": str(english.pk), "sold_at_0": f"{now:%Y-%m-%d}", "sold_at_1": f"{now:%H:%M:%S}"}

    def save(**values: str) -> None:
        pk = Sale.objects.values_list("pk", flat=True).first()
        if door == "admin":
            page = ("change", pk) if pk else ("add",)
            browser.post(admin_world.address(Sale, *page), typed | values)
        elif pk:
            caller.patch(f"/sales/{pk}", values, format="json")
        else:
            caller.post("/sales", typed | values, format="json")

    save()
    assert not SaleNotification.objects.exists()
    save(status="paid")
    save(status="cancelled")
    save(status="paid", amount="5000")
    send()
    assert [message.text for message in telegram.messages] == [
        "💰 New sale\nTargetologist: ❓\nClient: Dana\nAmount: 4,500 ₸\nProduct: —\nCampaign: —"
    ]


def test_a_sync_an_old_sale_and_a_cancelled_one_tell_nothing(alfa: UserAccount, telegram: Any) -> None:
    now = timezone.now()
    assert queue(alfa, sold(alfa), met_by_sync=True) == 0
    assert queue(alfa, sold(alfa, is_met_by_sync=True)) == 0
    assert queue(alfa, sold(alfa, sold_at=now - timedelta(hours=24)), now=now) == 0
    assert queue(alfa, sold(alfa, status=SaleStatus.CANCELLED)) == 0
    assert not SaleNotification.objects.exists()
    assert queue(alfa, sold(alfa, sold_at=now - timedelta(hours=23, minutes=59)), now=now) == 1


def test_what_is_rolled_back_tells_nothing(alfa: UserAccount, telegram: Any) -> None:
    sale = sold(alfa)
    with transaction.atomic():
        assert enqueue_for(alfa, [sale.pk], met_by_sync=False, now=timezone.now()) == 1
        transaction.set_rollback(True)
    assert not SaleNotification.objects.exists()


def test_a_sender_is_woken_after_the_commit(
    alfa: UserAccount, telegram: Any, monkeypatch: pytest.MonkeyPatch, amocrm: Server
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda *_, **__: rung.append(transaction.get_connection().in_atomic_block)
    )
    queue(alfa, sold(alfa))
    assert rung == [False]
    assert is_anything_due()
    with transaction.atomic():
        enqueue_summary(alfa, timezone.localdate(), [], "", timezone.now())
    assert rung == [False, False]


def test_a_client_cannot_write_lines_of_ours(english: UserAccount, telegram: Any) -> None:
    queue(english, sold(english, client_name="Aida\nAmount: 1 ₸"))
    send()
    assert telegram.messages[0].text.count("\nAmount") == 1


def test_too_many_requests_waits_as_long_as_telegram_says(alfa: UserAccount, telegram: Any) -> None:
    queue(alfa, sold(alfa), sold(alfa))
    telegram.fail(429, retry_after=30)
    rings = send()
    assert telegram.attempts == 1  # the other of the same chat is not even tried
    assert 28 < min(rings) <= 30
    make_due()
    send()
    assert states() == ["sent", "sent"]


def test_a_machine_whose_clock_is_ahead_puts_no_message_off_for_longer(
    alfa: UserAccount, telegram: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(alfa, sold(alfa), sold(alfa))
    telegram.fail(429, retry_after=30)
    now = timezone.now
    with monkeypatch.context() as there:
        there.setattr(timezone, "now", lambda: now() + timedelta(minutes=2))
        assert 28 < min(send()) <= 30
    soonest = now() + timedelta(seconds=30)
    assert SaleNotification.objects.filter(state="pending", next_attempt_at__lte=soonest).count() == 2


def test_trouble_of_telegram_backs_off_from_a_second_and_ends_well(alfa: UserAccount, telegram: Any) -> None:
    queue(alfa, sold(alfa))
    telegram.fail(500, times=3)
    waits = []
    for _try in range(3):
        waits.append(round(send()[0]))
        make_due()
    send()
    assert waits == [1, 2, 4]
    assert len(telegram.messages) == 1
    assert states() == ["sent"]


def test_however_long_telegram_is_in_trouble_it_is_asked_once_a_minute(alfa: UserAccount, telegram: Any) -> None:
    queue(alfa, sold(alfa))
    SaleNotification.objects.update(attempts=20)
    telegram.fail(500)
    assert 58 < send()[0] <= 60


@pytest.mark.parametrize(("status", "state"), [(502, "pending"), (302, "failed")])
def test_what_a_proxy_answers_with_a_page_is_no_delivery(
    alfa: UserAccount, settings: Settings, status: int, state: str
) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self._page(status)

        def do_GET(self) -> None:
            self._page(200)

        def _page(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b"<html>Bad Gateway</html>")

        def log_message(self, *_arguments: Any) -> None: ...

    with serving(Handler) as address:
        settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID, settings.TELEGRAM_API_URL = TOKEN, "-1234", address
        queue(alfa, sold(alfa))
        send()
    assert (asked, states()) == ([f"/bot{TOKEN}/sendMessage"], [state])
    assert f"HTTP {status}" in SaleNotification.objects.get().detail


def test_telegram_out_of_reach_is_tried_again(alfa: UserAccount, telegram: Any, settings: Settings) -> None:
    queue(alfa, sold(alfa))
    reachable, settings.TELEGRAM_API_URL = settings.TELEGRAM_API_URL, NOWHERE
    assert send()
    assert states() == ["pending"]
    settings.TELEGRAM_API_URL = reachable
    make_due()
    send()
    assert states() == ["sent"]


def test_after_a_day_out_of_reach_it_is_given_up(alfa: UserAccount, telegram: Any, settings: Settings) -> None:
    queue(alfa, sold(alfa))
    SaleNotification.objects.update(queued_at=timezone.now() - timedelta(hours=25))
    settings.TELEGRAM_API_URL = NOWHERE
    send()
    assert states() == ["failed"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "chat not found"), (403, "blocked by the user"), (401, "(Unauthorized): correct TELEGRAM_BOT_TOKEN")],
)
def test_a_refusal_ends_failed_with_telegrams_words(alfa: UserAccount, telegram: Any, status: int, words: str) -> None:
    queue(alfa, sold(alfa))
    telegram.fail(status)
    assert send() == []
    assert states() == ["failed"]
    assert words in SaleNotification.objects.get().detail


@pytest.mark.parametrize(("language", "words"), [("en", "has the id -1001234 now"), ("ru", "теперь id -1001234")])
def test_a_group_that_became_a_supergroup_says_its_new_id(
    alfa: UserAccount, settings: Settings, language: str, words: str
) -> None:
    """As the Bot API documents `ResponseParameters`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            said = "Bad Request: group chat was upgraded to a supergroup chat"
            answer = {
                "ok": False,
                "error_code": 400,
                "description": said,
                "parameters": {"migrate_to_chat_id": -1001234},
            }
            self.send_response(400)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_arguments: Any) -> None: ...

    with serving(Handler) as address:
        settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID, settings.TELEGRAM_API_URL = TOKEN, "-1234", address
        queue(alfa, sold(alfa))
        send()
    assert states() == ["failed"]
    with translation.override(language):
        assert words in retold(SaleNotification.objects.get().detail)


@pytest.mark.parametrize("missing", ["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"])
def test_without_a_bot_or_a_chat_it_fails_and_says_what_is_missing(
    alfa: UserAccount, telegram: Any, settings: Settings, missing: str
) -> None:
    setattr(settings, missing, "")
    queue(alfa, sold(alfa))
    send()
    assert states() == ["failed"]
    assert missing in SaleNotification.objects.get().detail


def test_a_lost_answer_is_not_followed_by_a_second_message(alfa: UserAccount, silent: list[bytes]) -> None:
    queue(alfa, sold(alfa))
    send()
    make_due()
    send()
    assert len(silent) == 1
    assert states() == ["uncertain"]


def test_a_sender_killed_between_sending_and_writing_sends_no_second_time(
    alfa: UserAccount, telegram: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(alfa, sold(alfa))

    def die_after_sending(chat_id: str, text: str) -> int | None:
        send_message(chat_id, text)
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "send_message", die_after_sending)
    with pytest.raises(KeyboardInterrupt):
        send()
    monkeypatch.undo()
    assert states() == ["sending"]
    assert give_up_the_lost() == 0  # for as long as its lease lasts, it may be alive
    SaleNotification.objects.update(lease_until=F("lease_until") - timedelta(seconds=31))
    assert give_up_the_lost() == 1
    send()
    assert len(telegram.messages) == 1
    assert states() == ["uncertain"]


def test_a_person_may_send_again_what_failed_or_is_uncertain(alfa: UserAccount, telegram: Any) -> None:
    buyer = kenesary(alfa)
    queue(alfa, sold(alfa, targetologist=buyer))
    telegram.fail(400)
    send()
    Targetologist.objects.update(telegram_chat_id="88")
    assert send_again(SaleNotification.objects.all()) == 1
    assert send_again(SaleNotification.objects.all()) == 0
    send()
    assert [message.chat_id for message in telegram.messages] == ["88"]


def test_sent_again_it_goes_to_the_common_chat_when_the_targetologist_is_gone(alfa: UserAccount, telegram: Any) -> None:
    buyer = kenesary(alfa, telegram_chat_id="77")
    queue(alfa, sold(alfa, targetologist=buyer))
    telegram.fail(400)
    send()
    buyer.delete()
    assert send_again(SaleNotification.objects.all()) == 1
    send()
    assert [message.chat_id for message in telegram.messages] == ["-100500"]


def test_a_message_that_is_being_sent_has_no_second_sender(
    alfa: UserAccount, telegram: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(alfa, sold(alfa))

    def meanwhile(chat_id: str, text: str) -> int | None:
        send()  # another worker looks into the outbox now
        return send_message(chat_id, text)

    monkeypatch.setattr(sending, "send_message", meanwhile)
    send()
    assert len(telegram.messages) == 1


def test_a_telegram_that_hangs_holds_up_four_threads_and_no_more(alfa: UserAccount, telegram: Any) -> None:
    queue(alfa, *(sold(alfa) for _number in range(5)))
    hanging = SaleNotification.objects.filter(pk__in=SaleNotification.objects.order_by("pk").values("pk")[:4])
    hanging.update(state=NotificationState.SENDING, lease_until=timezone.now() + timedelta(seconds=30))
    send()
    assert telegram.attempts == 0
    hanging.filter(pk=hanging.earliest("pk").pk).update(state=NotificationState.SENT)
    send()
    assert telegram.attempts == 1


def test_senders_at_the_same_time_tell_each_sale_once(alfa: UserAccount, telegram: Any) -> None:
    queue(alfa, *(sold(alfa) for _number in range(30)))
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _turn: _send_in_a_thread(), range(8)))
    send()
    assert len(telegram.messages) == 30
    assert states() == ["sent"] * 30


def _send_in_a_thread() -> None:
    try:
        send()
    finally:
        connections.close_all()


def test_a_sale_un_won_before_its_message_left_waits_until_it_is_won_again(alfa: UserAccount, telegram: Any) -> None:
    sale = sold(alfa)
    queue(alfa, sale)
    Sale.objects.update(status=SaleStatus.CANCELLED)
    assert send() == []
    assert telegram.attempts == 0
    Sale.objects.update(status=SaleStatus.PAID)
    send()
    assert len(telegram.messages) == 1


def test_the_bots_token_is_in_no_log_and_no_row(
    alfa: UserAccount, silent: list[bytes], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for address in (settings.TELEGRAM_API_URL, NOWHERE):
        settings.TELEGRAM_API_URL = address
        queue(alfa, sold(alfa))
        send()
    kept = " ".join(SaleNotification.objects.values_list("detail", flat=True))
    assert kept
    assert "secret-of-the-bot" not in kept + caplog.text


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("100000", "KZT", "100,000 ₸"),
        ("99.5", "USD", "99.50 $"),
        ("1234567.00", "RUB", "1,234,567 ₽"),
        ("0", "EUR", "0 €"),
        ("7", "XAU", "7 XAU"),
        ("1.005", "KZT", "1.01 ₸"),
        ("5", "KGS", "5 сом"),
        ("5", "GEL", "5 ₾"),
    ],
)
def test_amounts_have_commas_and_a_sign_and_cents_only_where_there_are_some(
    amount: str, currency: str, shown: str
) -> None:
    assert money(Decimal(amount), currency) == shown
    assert money_on_pages(Decimal(amount), currency).endswith(f"\N{NO-BREAK SPACE}{shown.split()[-1]}")


def test_a_summary_tells_of_yesterday_once_in_the_morning_of_the_account(english: UserAccount, telegram: Any) -> None:
    NotificationSettings.objects.update(daily_summary=True, summary_hour=9)
    morning = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)  # 9:30 in Almaty
    yesterday = datetime(2026, 3, 1, 20, 0, tzinfo=UTC) - timedelta(hours=5)
    buyer = kenesary(english)
    for amount in (100_000, 50_000):
        sold(english, targetologist=buyer, amount=Decimal(amount), sold_at=yesterday)
    sold(english, sold_at=yesterday, status=SaleStatus.CANCELLED)
    sold(english, sold_at=morning)
    assert queue_summaries(morning - timedelta(hours=1)) == 0
    assert queue_summaries(morning) == 1
    assert queue_summaries(morning + timedelta(minutes=15)) == 0
    send()
    (message,) = telegram.messages
    assert message.chat_id == "-100500"
    assert all(part in message.text for part in ("01.03.2026", "2 sales: 150,000 ₸", "Kenesary 👑: 2"))


def test_a_summary_counts_a_referrer_once_however_the_code_was_spelt(english: UserAccount, telegram: Any) -> None:
    NotificationSettings.objects.update(daily_summary=True, summary_hour=9)
    Referrer.objects.create(user_account=english, code="ref_AIDA", name="Aida K")
    at = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
    for code in ("REF_aida", "ref_AIDA", "ref_Nobody", "ref_nobody"):
        sold(english, routing_decision="referral", utm_source=code, sold_at=at)
    queue_summaries(at + timedelta(hours=15))
    send()
    (message,) = telegram.messages
    assert message.text.splitlines()[2:] == ["Aida K (ref_AIDA): 2 · 200,000 ₸", "ref_nobody: 2 · 200,000 ₸"]


def test_an_account_whose_mornings_nobody_can_tell_keeps_no_other_from_its_summary(alfa: UserAccount) -> None:
    nowhere = UserAccount.objects.create(name="Nowhere", timezone="Asia/Atlantis")
    NotificationSettings.objects.all().delete()
    for account in (nowhere, alfa):
        NotificationSettings.objects.create(user_account=account, daily_summary=True, summary_hour=0)
    assert queue_summaries(timezone.now()) == 1


def test_two_workers_who_queue_the_summary_of_a_day_queue_one(alfa: UserAccount) -> None:
    for chat in ("1", "2"):
        enqueue_summary(alfa, timezone.localdate(), [], chat, timezone.now())
    assert SaleNotification.objects.get().chat_id == "1"


def test_no_summary_unless_it_is_asked_for(alfa: UserAccount, telegram: Any) -> None:
    sold(alfa)
    assert queue_summaries(timezone.now()) == 0


def test_a_summary_that_nobody_could_queue_before_midnight_comes_after_it(alfa: UserAccount) -> None:
    NotificationSettings.objects.update_or_create(
        user_account=alfa, defaults={"daily_summary": True, "summary_hour": 23}
    )

    def at(day: int, hour: int) -> datetime:
        return datetime(2026, 3, day, hour, 5, tzinfo=alfa.zone)

    assert queue_summaries(at(10, 22)) == 0  # it was only switched on: nobody waits for the 8th
    assert queue_summaries(at(10, 23)) == 1
    assert queue_summaries(at(11, 22)) == 0
    assert queue_summaries(at(12, 0)) == 1
    assert queue_summaries(at(12, 23)) == 1
    days = SaleNotification.objects.values_list("day", flat=True).order_by("day")
    assert [day.day for day in days if day] == [9, 10, 11]
