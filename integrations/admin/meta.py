"""Ad accounts at Meta, and the readings of their spend."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from integrations.meta.ad_accounts import act_id_typed, read_now, token_typed
from integrations.models import MetaAdAccount, MetaProblem, MetaPull
from leads.admin.base import AccountForm, AccountScopedAdmin, ReadOnlyAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, badge, duration, lines, numbered
from leads.models import Role
from leads.told import retold

STATE_BADGES = {MetaPull.State.RUNNING: "info", MetaPull.State.DONE: "good", MetaPull.State.FAILED: "bad"}


class MetaAdAccountForm(AccountForm):
    """The token is written and never shown."""

    act_id = forms.CharField(
        label=_("ad account id"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Or Ads Manager's address, which holds it."),
    )
    new_token = forms.CharField(
        label=_("access token"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("Empty: the one that it has, else the server's own (META_ADS_TOKEN)."),
    )
    forget_token = forms.BooleanField(
        label=_("use the server's own token"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    def clean_act_id(self) -> str:
        return act_id_typed(self.cleaned_data["act_id"])

    def clean_new_token(self) -> str:
        return token_typed(self.cleaned_data["new_token"])

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["new_token"] or self.cleaned_data["forget_token"]:
            self.instance.access_token = self.cleaned_data["new_token"]
            self.changed_data.append("access_token")
        return super().save(commit)


@admin.register(MetaAdAccount)
class MetaAdAccountAdmin(AccountScopedAdmin[MetaAdAccount]):
    add_role: ClassVar[Role | None] = Role.OWNER
    change_role: ClassVar[Role | None] = Role.OWNER
    delete_role: ClassVar[Role | None] = Role.OWNER
    form = MetaAdAccountForm
    list_display = ("named", "user_account", "currency", "problem", "last_pulled_at", "next_pull_at", "is_active")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter, ("problem_code", ChoicesDropdownFilter))
    search_fields = ("act_id", "name")
    sortable_by = ()
    actions = ("read_now_selected",)
    fieldsets: Any = (
        (None, {"fields": ("user_account", "act_id", "is_active", "new_token", "forget_token")}),
        (_("What Meta says of it"), {"fields": ("name", "currency", "timezone")}),
        (_("Readings"), {"fields": ("problem", "problem_since", "last_pulled_at", "pulled_until", "next_pull_at")}),
    )
    readonly_fields = (
        *("name", "currency", "timezone", "problem", "problem_since"),
        *("last_pulled_at", "pulled_until", "next_pull_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MetaAdAccount]:
        # Not read from the database at all: what is not there cannot be shown by mistake.
        return super().get_queryset(request).defer("access_token")

    @display(description=_("ad account"))
    def named(self, row: MetaAdAccount) -> SafeString:
        return lines(row, f"act_{row.act_id}")

    @display(description=_("problem"))
    def problem(self, row: MetaAdAccount) -> SafeString:
        if not row.problem_code:
            return SafeString(EMPTY)
        problem = badge(MetaProblem(row.problem_code).label, "bad", retold(row.problem_detail)[:300])
        return lines(problem, retold(row.problem_detail)[:300])

    def save_row(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_row(request, obj, form, change)
        transaction.on_commit(lambda: read_now(obj))

    @admin.action(description=_("Read now"), permissions=["staff"])
    def read_now_selected(self, request: HttpRequest, queryset: QuerySet[MetaAdAccount]) -> None:
        rows = list(self.writable(request, queryset))
        for row in rows:
            read_now(row)
        text = ngettext("%d ad account is being read.", "%d ad accounts are being read.", len(rows)) % len(rows)
        self.message_user(request, text, messages.SUCCESS if rows else messages.WARNING)


@admin.register(MetaPull)
class MetaPullAdmin(ReadOnlyAdmin[MetaPull]):
    list_display = (
        *("started", "user_account", "ad_account", "shown_state", "days", "rows", "created", "updated", "removed"),
        *("api_requests", "took"),
    )
    list_select_related = ("user_account", "ad_account")
    list_filter = (AccountFilter, ("state", ChoicesDropdownFilter))
    sortable_by = ()
    ordering = ("-id",)
    fields = (
        *("user_account", "ad_account", "shown_state", "days", "in_words", "rows", "created", "updated", "removed"),
        *("api_requests", "started", "took"),
    )
    readonly_fields = fields

    @display(description=_("started"))
    def started(self, pull: MetaPull) -> SafeString:
        return numbered(pull, pull.started_at)

    @display(description=_("state"))
    def shown_state(self, pull: MetaPull) -> SafeString:
        state = MetaPull.State(pull.state)
        return badge(state.label, STATE_BADGES[state], retold(pull.detail)[:300])

    @display(description=_("days"))
    def days(self, pull: MetaPull) -> str:
        return str(pull)

    @display(description=_("in words"))
    def in_words(self, pull: MetaPull) -> str:
        return retold(pull.detail) or EMPTY

    @display(description=_("took"))
    def took(self, pull: MetaPull) -> str:
        return duration((pull.finished_at or timezone.now()) - pull.started_at)
