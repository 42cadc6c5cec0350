"""Telling operators by Telegram: once when a condition has lasted, once when it is over."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from integrations.alerts.conditions import CONDITIONS, Condition
from integrations.metrics import DatabaseCollector
from integrations.models import Alert, NotificationSettings
from integrations.notify.telegram import TelegramError, Unanswered, send_message

logger = structlog.get_logger(__name__)


def watch() -> None:
    """Compare the conditions with what is known of them. Does nothing where no chat is set."""
    if not settings.TELEGRAM_ALERT_CHAT_ID:
        return
    metrics = list(DatabaseCollector().collect())
    with translation.override(NotificationSettings._meta.get_field("language").get_default()):
        for condition in CONDITIONS:
            value = condition.value(metrics)
            if condition.is_met(value):
                _lasts(condition, value)
            else:
                _is_over(condition)


def _lasts(condition: Condition, value: float | None) -> None:
    alert, _made = Alert.objects.get_or_create(name=condition.name)
    if alert.told_at is None and timezone.now() - alert.since >= timedelta(minutes=condition.minutes):
        # Two workers may both have come here: only one may tell.
        if not Alert.objects.filter(pk=alert.pk, told_at=None).update(told_at=timezone.now()):
            return
        if not _tell(f"🔴 {condition.text} ({value:g})"):
            Alert.objects.filter(pk=alert.pk).update(told_at=None)


def _is_over(condition: Condition) -> None:
    alert = Alert.objects.filter(name=condition.name).first()
    if alert is None or not Alert.objects.filter(pk=alert.pk).delete()[0]:
        return
    if alert.told_at is not None and not _tell(f"🟢 {_('Over')}: {condition.text}"):
        Alert.objects.bulk_create([alert], ignore_conflicts=True)  # its end is told a minute later


def _tell(text: str) -> bool:
    """Whether it has arrived, or may have. A chat that refuses is asked again: somebody will correct it."""
    try:
        send_message(settings.TELEGRAM_ALERT_CHAT_ID, f"Voronka · {settings.APP_URL}\n{text}")
    except TelegramError as error:
        logger.warning("alert_not_told", detail=str(error))
        return isinstance(error, Unanswered)
    return True
