"""Alerts: one table of conditions for Prometheus and Telegram, over metrics that there are."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import yaml
from django.conf import settings as product
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from analytics.models import Sale
from integrations.alerts.conditions import CONDITIONS
from integrations.alerts.rules import alert_rules
from integrations.alerts.watch import watch
from integrations.models import (
    Alert,
    AmoCRMConnection,
    Hook,
    HookDay,
    NotificationState,
    SaleNotification,
    SyncRun,
    WebhookLog,
)
from leads.models import UserAccount
from leads.tests.cast import client
from sandbox import Server

DEPLOY = product.BASE_DIR / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yaml"
CHAT = "-100500"


@pytest.fixture
def watched(connected: UserAccount, amocrm: Server, settings: Settings) -> UserAccount:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_ALERT_CHAT_ID = "bot", CHAT
    AmoCRMConnection.objects.update(webhook_active=True, token_expires_at=timezone.now() + timedelta(days=300))
    return connected


def told(server: Server) -> list[tuple[str, str]]:
    """(chat, the last line) of each message."""
    return [(message.chat_id, message.text.splitlines()[-1]) for message in server.crm.telegram.messages]


def fail_a_message(account: UserAccount) -> SaleNotification:
    sale = Sale.objects.create(user_account=account, currency="KZT", sold_at=timezone.now())
    return SaleNotification.objects.create(
        user_account=account, sale=sale, text="x", queued_at=timezone.now(), state=NotificationState.FAILED
    )


def test_a_condition_is_told_once_and_its_end_once(watched: UserAccount, amocrm: Server) -> None:
    row = fail_a_message(watched)
    watch()
    watch()
    [(chat, text)] = told(amocrm)
    assert (chat, text[0]) == (CHAT, "🔴")
    row.delete()
    watch()
    watch()
    assert [text[0] for _chat, text in told(amocrm)] == ["🔴", "🟢"]


def test_a_condition_that_does_not_last_is_not_told(watched: UserAccount, amocrm: Server) -> None:
    delivery = WebhookLog.objects.create(
        user_account=watched, source=Hook.AMOCRM, raw_body=b"", received_at=timezone.now() - timedelta(hours=1)
    )
    watch()
    assert told(amocrm) == []
    assert Alert.objects.get().name == "BacklogOld"
    Alert.objects.update(since=timezone.now() - timedelta(minutes=6))
    watch()
    assert len(told(amocrm)) == 1
    delivery.delete()


def test_what_was_over_before_it_was_told_leaves_nothing(watched: UserAccount, amocrm: Server) -> None:
    delivery = WebhookLog.objects.create(
        user_account=watched, source=Hook.AMOCRM, raw_body=b"", received_at=timezone.now() - timedelta(hours=1)
    )
    watch()
    delivery.delete()
    watch()
    assert not Alert.objects.exists()
    assert told(amocrm) == []


@pytest.mark.parametrize("status", [500, 429, 400, 401, 403])
def test_a_telegram_that_is_away_or_refuses_is_told_later(watched: UserAccount, amocrm: Server, status: int) -> None:
    fail_a_message(watched)
    amocrm.crm.telegram.fail(status)
    watch()
    assert told(amocrm) == []
    watch()
    assert len(told(amocrm)) == 1


def test_an_end_that_telegram_did_not_take_is_told_later(watched: UserAccount, amocrm: Server) -> None:
    row = fail_a_message(watched)
    watch()
    row.delete()
    amocrm.crm.telegram.fail(500)
    for _minute in range(3):
        watch()
    assert [text[0] for _chat, text in told(amocrm)] == ["🔴", "🟢"]
    assert not Alert.objects.exists()


def test_without_a_chat_nothing_is_told_or_kept(watched: UserAccount, amocrm: Server, settings: Settings) -> None:
    settings.TELEGRAM_ALERT_CHAT_ID = ""
    fail_a_message(watched)
    watch()
    assert told(amocrm) == []
    assert not Alert.objects.exists()


def test_a_token_near_its_end_is_told_and_a_fresh_one_is_not(watched: UserAccount, amocrm: Server) -> None:
    AmoCRMConnection.objects.update(refresh_token="r", token_refreshed_at=timezone.now() - timedelta(days=80))
    watch()
    assert not Alert.objects.exists()
    AmoCRMConnection.objects.update(token_refreshed_at=timezone.now() - timedelta(days=84))
    watch()
    assert Alert.objects.get().name == "ConnectionEndsSoon"


def test_the_rules_file_is_what_the_conditions_say() -> None:
    message = f"python manage.py alert_rules > {RULES.relative_to(product.BASE_DIR)}"
    assert yaml.safe_load(RULES.read_text()) == alert_rules(), message


def test_every_metric_that_is_watched_or_drawn_is_in_metrics(watched: UserAccount, settings: Settings) -> None:
    settings.METRICS_TOKEN = "metrics-token"
    SyncRun.objects.create(user_account=watched, state="done", finished_at=timezone.now())
    HookDay.objects.create(user_account=watched, day=timezone.now().date(), told=9, untold=1, delay_p95=1)
    answer = client().get("/metrics", HTTP_AUTHORIZATION="Bearer metrics-token")
    there = {family.name for family in text_string_to_metric_families(answer.content.decode())}
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    named = {name for path in files for name in re.findall(r"\bvoronka_\w+", path.read_text())}
    assert {condition.metric for condition in CONDITIONS} <= named
    assert named <= there


def test_the_dashboard_draws_every_metric() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "voronka.json").read_text())
    drawn = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    for condition in CONDITIONS:
        assert any(condition.metric in expression for expression in drawn), condition.name
