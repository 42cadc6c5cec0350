"""The admin's first page: connections and their problems, what waits, today's deliveries, the last syncs.

Every number is bounded: the page costs the same with a thousand deliveries and with a hundred million.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from integrations.admin.connections import STATE_BADGES as CONNECTION_BADGES
from integrations.admin.connections import backlog_of
from integrations.admin.days import day_start, id_at
from integrations.admin.deliveries import STATUS_BADGES
from integrations.admin.syncs import STATE_BADGES as SYNC_BADGES
from integrations.models import AmoCRMConnection, ConnectionState, Problem, ProcessingStatus, SyncRun, WebhookLog
from leads.admin import tenancy
from leads.admin.looks import badge, duration
from leads.admin.paging import CappedCount, capped_count
from leads.models import UserAccount

SHOWN_ACCOUNTS = 12
COUNTED_TODAY = 2_000
SHOWN_SYNCS = 6


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What `templates/admin/index.html` shows, of the visitor's accounts."""
    accounts = list(tenancy.accounts_of(request)[: SHOWN_ACCOUNTS + 1])
    connections = AmoCRMConnection.objects.filter(user_account__in=accounts).defer(
        "access_token", "refresh_token", "metadata"
    )
    by_account = {connection.user_account_id: connection for connection in connections}
    now = timezone.now()
    context["cards"] = [_card(account, by_account.get(account.pk), now) for account in accounts[:SHOWN_ACCOUNTS]]
    context["has_more_accounts"] = len(accounts) > SHOWN_ACCOUNTS
    context["shown_accounts"] = SHOWN_ACCOUNTS
    context["syncs"] = _syncs(accounts[:SHOWN_ACCOUNTS])
    context["several_accounts"] = len(accounts) > 1
    return context


def _card(account: UserAccount, connection: AmoCRMConnection | None, now: datetime) -> dict[str, Any]:
    waiting = backlog_of(account.pk)
    backlog = capped_count(waiting)
    oldest = waiting.order_by("id").values_list("received_at", flat=True).first() if backlog else None
    problem = Problem(connection.problem_code) if connection and connection.problem_code else None
    state = ConnectionState(connection.state) if connection else ConnectionState.DISCONNECTED
    return {
        "account": account,
        "connection": connection,
        "state": badge(state.label, CONNECTION_BADGES[state]),
        "problem": problem.label if problem else "",
        "problem_for": duration(now - connection.problem_since) if connection and connection.problem_since else "",
        "backlog": str(backlog),
        "oldest": duration(now - oldest) if oldest else "",
        "today": _today(account, now),
        "deliveries": f"{reverse('admin:integrations_webhooklog_changelist')}?account={account.pk}",
    }


def _today(account: UserAccount, now: datetime) -> list[tuple[SafeString, str, str]]:
    """(badge, number, link) for each status of the deliveries since the account's midnight."""
    counted = count_today(account, now)
    base = f"{reverse('admin:integrations_webhooklog_changelist')}?account={account.pk}&processing_status__exact="
    return [
        (badge(status.label, STATUS_BADGES[status]), str(counted[status]), f"{base}{status.value}")
        for status in ProcessingStatus
        if counted[status]
    ]


def count_today(account: UserAccount, now: datetime) -> Counter[ProcessingStatus]:
    midnight = day_start(timezone.localtime(now, account.zone).date(), account.zone)
    first = id_at(midnight)
    if first is None:
        return Counter()
    rows: QuerySet[WebhookLog, Any] = WebhookLog.objects.filter(user_account=account, id__gte=first)
    newest = list(rows.order_by("-id").values_list("processing_status", flat=True)[: COUNTED_TODAY + 1])
    counted = Counter(ProcessingStatus(status) for status in newest[:COUNTED_TODAY])
    if len(newest) > COUNTED_TODAY:
        return Counter({status: CappedCount(number) for status, number in counted.items()})
    return counted


def _syncs(accounts: list[UserAccount]) -> list[dict[str, Any]]:
    runs = SyncRun.objects.filter(user_account__in=accounts).select_related("user_account").defer("progress")
    return [
        {
            "run": run,
            "state": badge(run.get_state_display(), SYNC_BADGES[SyncRun.State(run.state)], run.detail[:300]),
            "address": reverse("admin:integrations_syncrun_change", args=[run.pk]),
        }
        for run in runs.order_by("-id")[:SHOWN_SYNCS]
    ]
