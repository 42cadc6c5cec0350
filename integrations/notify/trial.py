"""A message that says nothing but that messages arrive."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from analytics.models import Targetologist
from integrations.models import NotificationSettings
from integrations.notify.telegram import send_message
from leads.models import UserAccount

COMMON = "common"


def chats_of(accounts: Iterable[UserAccount]) -> dict[str, tuple[str, str]]:
    """Where the accounts' messages go: a key for forms → (chat id, name for people)."""
    ids = [account.pk for account in accounts]
    chats: dict[str, tuple[str, str]] = {}
    if settings.TELEGRAM_CHAT_ID:
        chats[COMMON] = (settings.TELEGRAM_CHAT_ID, _("The common chat (TELEGRAM_CHAT_ID)"))
    buyers = Targetologist.objects.filter(user_account__in=ids).exclude(telegram_chat_id="")
    for buyer in buyers.select_related("user_account"):
        chats[f"targetologist-{buyer.pk}"] = (buyer.telegram_chat_id, f"{buyer} · {buyer.user_account}")
    for choice in NotificationSettings.objects.filter(user_account__in=ids).exclude(summary_chat_id=""):
        name = _("Daily summary of %s") % choice.user_account
        chats[f"summary-{choice.pk}"] = (choice.summary_chat_id, name)
    return chats


def send_test(chat_id: str, language: str) -> None:
    """:raises TelegramError: in words for people."""
    with translation.override(language):
        text = _("✅ This is a test message of Voronka. News of sales arrive in this chat.")
    send_message(chat_id.strip(), text)
