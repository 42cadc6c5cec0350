"""The outbox: what was told to whom, what could not be, and sending it again. And what an account wants to be told."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from integrations.models import NotificationKind, NotificationSettings, NotificationState, SaleNotification
from integrations.notify.outbox import wake_after_commit
from integrations.notify.sending import send_again
from integrations.notify.telegram import TelegramError
from integrations.notify.trial import chats_of, send_test
from leads.admin import tenancy
from leads.admin.base import OnePerAccountAdmin, ReadOnlyAdmin, capitalise_labels
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, badge, cut, lines, numbered
from leads.models import Role
from leads.told import retold

STATE_BADGES = {
    NotificationState.PENDING: "info",
    NotificationState.SENDING: "info",
    NotificationState.SENT: "good",
    NotificationState.FAILED: "bad",
    NotificationState.UNCERTAIN: "warn",
}


class TestMessageForm(BaseDialogForm):
    chat = forms.ChoiceField(label=_("chat"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capitalise_labels(self)
        self.chats = chats_of(tenancy.accounts_of(self.request, Role.STAFF))
        field = self.fields["chat"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(key, name) for key, (_chat_id, name) in self.chats.items()]


_TEST_DIALOG: Any = {
    "title": _("Send a test message"),
    "description": _("To see that the bot reaches a chat. The bot must be a member of it."),
    "form_class": TestMessageForm,
    "form_submit_text": _("Send"),
}


@admin.register(SaleNotification)
class SaleNotificationAdmin(ReadOnlyAdmin[SaleNotification]):
    list_display = ("queued", "user_account", "shown_state", "about", "chat", "short_text", "short_detail", "attempts")
    list_select_related = ("user_account", "sale")
    list_filter = (AccountFilter, ("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    sortable_by = ()
    ordering = ("-id",)
    actions = ("send_again_selected",)
    actions_list = ("test_message",)
    fieldsets: Any = (
        (None, {"fields": ("user_account", "shown_state", "detail", "about", "chat", "shown_text")}),
        (_("Sending"), {"fields": ("attempts", "queued", "next_attempt_at", "sent_at", "message_id")}),
    )
    readonly_fields = (
        *("user_account", "shown_state", "detail", "about", "chat", "shown_text", "attempts", "queued"),
        *("next_attempt_at", "sent_at", "message_id"),
    )

    @display(description=_("queued"))
    def queued(self, row: SaleNotification) -> SafeString:
        return numbered(row, row.queued_at)

    @display(description=_("state"))
    def shown_state(self, row: SaleNotification) -> SafeString:
        state = NotificationState(row.state)
        return badge(state.label, STATE_BADGES[state], retold(row.detail)[:300])

    @display(description=_("about"))
    def about(self, row: SaleNotification) -> SafeString:
        if row.kind == NotificationKind.SUMMARY:
            return lines(NotificationKind.SUMMARY.label, row.day)
        deal_id = row.sale.amocrm_deal_id if row.sale else None
        return lines(row.sale or EMPTY, f"{_('deal')} {deal_id}" if deal_id else "")

    @display(description=_("chat"))
    def chat(self, row: SaleNotification) -> str:
        return row.chat_id or str(_("the common chat"))

    @display(description=_("text"))
    def short_text(self, row: SaleNotification) -> SafeString:
        return cut(" · ".join(row.text.splitlines()[1:]), 90)

    @display(description=_("in words"))
    def short_detail(self, row: SaleNotification) -> SafeString:
        return cut(retold(row.detail), 60)

    @display(description=_("text"))
    def shown_text(self, row: SaleNotification) -> SafeString:
        return format_html('<div style="white-space: pre-line">{}</div>', row.text)

    # --- Actions ---

    @admin.action(description=_("Send again (an uncertain message may then arrive twice)"), permissions=["staff"])
    def send_again_selected(self, request: HttpRequest, queryset: QuerySet[SaleNotification]) -> None:
        count = send_again(self.writable(request, queryset))
        if count:
            wake_after_commit()
        text = ngettext("%d message is being sent again.", "%d messages are being sent again.", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    @action(
        description=_("Test message"),
        icon="send",
        permissions=["staff"],
        url_path="test-message",
        dialog=_TEST_DIALOG,
    )
    def test_message(self, request: HttpRequest, form: TestMessageForm) -> HttpResponse:
        chat_id, name = form.chats[form.cleaned_data["chat"]]
        try:
            send_test(chat_id, get_language() or "ru")
        except TelegramError as error:
            self.message_user(request, f"{name}: {retold(str(error))}", messages.ERROR)
        else:
            self.message_user(request, _("Sent to: %s.") % name, messages.SUCCESS)
        return HttpResponse(headers={"HX-Redirect": reverse("admin:integrations_salenotification_changelist")})


@admin.register(NotificationSettings)
class NotificationSettingsAdmin(OnePerAccountAdmin[NotificationSettings]):
    list_display = ("__str__", "language", "daily_summary", "summary_hour")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    ordering = ("id",)
    fields = ("user_account", "language", "daily_summary", "summary_hour", "summary_chat_id")
