"""Connections to amoCRM: their state, what is wrong, what waits. Tokens are not shown, not even encrypted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from integrations.amocrm.errors import AmoCRMError
from integrations.connecting.pipelines import pipelines_sync
from integrations.models import AmoCRMConnection, ConnectionState, Problem, ProcessingStatus, WebhookLog
from integrations.pages.condition import REMEDIES, STATE_KINDS
from leads.admin.base import ReadOnlyAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, badge, duration, lines, link, minute, second
from leads.paging import capped_count
from leads.told import retold

NEWEST = 500
_PIPELINES_DIALOG: Any = {
    "title": _("Read the pipelines now?"),
    "description": _("Stages are added, renamed and archived as amoCRM reports them. Qualified marks stay."),
    "form_submit_text": _("Read"),
}


@admin.register(AmoCRMConnection)
class AmoCRMConnectionAdmin(ReadOnlyAdmin[AmoCRMConnection]):
    list_display = ("where", "user_account", "shown_state", "problem", "backlog", "hook", "expiry", "connected_at")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter, ("state", ChoicesDropdownFilter), ("problem_code", ChoicesDropdownFilter))
    sortable_by = ("connected_at",)
    ordering = ("host", "id")
    actions = ("read_pipelines_selected",)
    actions_detail = ("read_pipelines",)
    fieldsets: Any = (
        (None, {"fields": ("user_account", "shown_state", "problem", "backlog", "drain", "page")}),
        (_("amoCRM"), {"fields": ("subdomain", "host", "amocrm_account_id", "currency", "is_api_filter_enabled")}),
        (_("Token"), {"fields": ("expiry", "token_refreshed_at", "connected_at")}),
        (_("Hook"), {"fields": ("hook",)}),
    )
    readonly_fields = (
        *("user_account", "shown_state", "problem", "backlog", "drain", "page", "subdomain", "host"),
        *("amocrm_account_id", "currency", "is_api_filter_enabled", "expiry", "token_refreshed_at"),
        *("connected_at", "hook"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AmoCRMConnection]:
        oldest = backlog_of(OuterRef("user_account")).order_by("id").values("received_at")[:1]
        rows = super().get_queryset(request).annotate(waits_since=Subquery(oldest))
        # Not read from the database at all: what is not there cannot be shown by mistake.
        return rows.defer("access_token", "refresh_token", "metadata")

    @display(description="amoCRM")
    def where(self, connection: AmoCRMConnection) -> SafeString:
        return lines(connection.host or connection.subdomain or EMPTY, connection.amocrm_account_id)

    @display(description=_("state"))
    def shown_state(self, connection: AmoCRMConnection) -> SafeString:
        state = ConnectionState(connection.state)
        return badge(state.label, STATE_KINDS[state])

    @display(description=_("problem"))
    def problem(self, connection: AmoCRMConnection) -> SafeString:
        if not connection.problem_code:
            return SafeString(EMPTY)
        problem = Problem(connection.problem_code)
        since = timezone.now() - connection.problem_since if connection.problem_since else None
        return format_html(
            '<span class="v-lines"><span>{} <span class="v-second">{}</span></span>'
            '<span class="v-second v-problem-text">{}</span><span class="v-second v-problem-text">{}</span></span>',
            badge(problem.label, "bad", retold(connection.problem_detail[:500])),
            duration(since),
            retold(connection.problem_detail[:500]),
            REMEDIES[problem],
        )

    @display(description=_("backlog"))
    def backlog(self, connection: AmoCRMConnection) -> SafeString:
        since: datetime | None = connection.waits_since  # type: ignore[attr-defined]  # by get_queryset
        if since is None:
            return SafeString("0")
        number = capped_count(backlog_of(connection.user_account_id))
        address = f"{reverse('admin:integrations_webhooklog_changelist')}?processing_status__exact=received"
        return format_html(
            '{} <span class="v-second">{}</span>', link(address, number), duration(timezone.now() - since)
        )

    @display(description=_("drained until"))
    def drain(self, connection: AmoCRMConnection) -> str:
        if connection.lease_until and connection.lease_until > timezone.now():
            return str(_("working now"))
        # Among the newest: whatever was worked on before them tells nothing about now.
        newest = WebhookLog.objects.filter(user_account=connection.user_account_id).order_by("-id")
        moments = [moment for moment in newest.values_list("processed_at", flat=True)[:NEWEST] if moment]
        return f"{_('last worked')} {second(max(moments), connection.user_account)}" if moments else EMPTY

    @display(description=_("token expires"))
    def expiry(self, connection: AmoCRMConnection) -> str:
        if connection.token_expires_at is None:
            return EMPTY
        left = connection.token_expires_at - timezone.now()
        when = duration(left) if left.total_seconds() > 0 else _("expired; renewed before the next request")
        return f"{minute(connection.token_expires_at, connection.user_account)} ({when})"

    @display(description=_("hook"))
    def hook(self, connection: AmoCRMConnection) -> SafeString:
        return badge(_("active"), "good") if connection.webhook_active else badge(_("inactive"), "warn")

    @display(description=_("connect, disconnect"))
    def page(self, connection: AmoCRMConnection) -> SafeString:
        return link(f"/connection/?userAccountId={connection.user_account_id}", _("The connection's page"))

    # --- Actions ---

    @admin.action(description=_("Read pipelines"), permissions=["staff"])
    def read_pipelines_selected(self, request: HttpRequest, queryset: QuerySet[AmoCRMConnection]) -> None:
        for connection in self.writable(request, queryset)[:20]:
            self._read_pipelines(request, connection)

    @action(
        description=_("Read pipelines"),
        icon="sync",
        permissions=["staff"],
        url_path="pipelines",
        dialog=_PIPELINES_DIALOG,
    )
    def read_pipelines(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        for connection in self.writable(request, self.get_queryset(request)).filter(pk=object_id):
            self._read_pipelines(request, connection)
        return HttpResponse(headers={"HX-Redirect": reverse("admin:integrations_amocrmconnection_changelist")})

    def _read_pipelines(self, request: HttpRequest, connection: AmoCRMConnection) -> None:
        if connection.state != ConnectionState.CONNECTED:
            self.message_user(request, _("%s is not connected.") % connection, messages.WARNING)
            return
        connection = AmoCRMConnection.objects.select_related("user_account").get(pk=connection.pk)
        try:
            counts = pipelines_sync(connection)
        except AmoCRMError as error:
            self.message_user(request, f"{connection}: {retold(str(error))}", messages.ERROR)
            return
        text = _("%(where)s: %(pipelines)d pipelines, %(stages)d stages.")
        values = {"where": connection, "pipelines": counts.pipelines, "stages": counts.stages}
        self.message_user(request, text % values, messages.SUCCESS)


def backlog_of(account_id: Any) -> QuerySet[WebhookLog]:
    return WebhookLog.objects.filter(user_account=account_id, processing_status=ProcessingStatus.RECEIVED)
