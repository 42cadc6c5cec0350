"""The admin's first page: what is wrong, what waits, what came today, what was read and told.

It takes the same few statements for one account as for a thousand, and each reads a bounded number of rows: the page
costs the same with a thousand deliveries and with a hundred million.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from integrations.models import (
    AmoCRMConnection,
    ConnectionState,
    HookDay,
    MetaAdAccount,
    NotificationState,
    Problem,
    ProcessingStatus,
    SaleNotification,
    SyncRun,
    WebhookLog,
)
from integrations.pages.condition import STATE_KINDS
from integrations.pages.deliveries import STATUS_KINDS
from integrations.pages.sync_run import STATE_KINDS as SYNC_KINDS
from leads.admin import tenancy
from leads.admin.looks import badge, duration, percent
from leads.admin.zone import knows_zone, shown_zone
from leads.models import UserAccount
from leads.paging import CappedCount
from leads.told import retold

MOST_ACCOUNTS = 1_000
SHOWN_ACCOUNTS = 12
# As many waiting and as many of the newest deliveries are looked at; where there are more, the number says so.
COUNTED = 5_000
SHOWN_SYNCS = 6
SHOWN_PROBLEMS = 5
WEEK = timedelta(days=7)
UNSENT = (NotificationState.FAILED, NotificationState.UNCERTAIN)
DELIVERIES = "admin:integrations_webhooklog_changelist"


@dataclass(slots=True)
class Card:
    """How one account stands. `today`: deliveries by status since its midnight."""

    account: UserAccount
    connection: AmoCRMConnection | None
    waiting: int = 0
    oldest: datetime | None = None
    today: Counter[str] = field(default_factory=Counter)

    @property
    def problem(self) -> Problem | None:
        code = self.connection.problem_code if self.connection else ""
        return Problem(code) if code else None


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of all accounts. `is_bad`: somebody should look."""

    label: str | Promise
    value: object
    note: str | Promise
    url: str
    is_bad: bool = False


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What `templates/admin/index.html` shows, of the visitor's accounts."""
    now = timezone.now()
    accounts = list(tenancy.accounts_of(request)[:MOST_ACCOUNTS])
    cards = _cards(accounts)
    is_capped = _count_waiting(cards, accounts)
    _count_today(cards, accounts, now)
    worst = sorted(cards.values(), key=lambda card: (card.problem is None, card.oldest or now))
    ads = list(MetaAdAccount.objects.filter(user_account__in=accounts, is_active=True).defer("access_token"))
    context["tiles"] = [_connected(worst), _waiting(worst, now, is_capped), *_told(accounts, now), _meta(ads, now)]
    context["cards"] = [_shown(card, now) for card in worst[:SHOWN_ACCOUNTS]]
    context["has_more_accounts"] = len(accounts) > SHOWN_ACCOUNTS
    context["shown_accounts"] = SHOWN_ACCOUNTS
    context["syncs"] = _syncs(accounts)
    context["ad_problems"] = [
        {
            "name": str(row),
            "problem": badge(row.get_problem_code_display(), "bad", retold(row.problem_detail)[:300]),
            "address": reverse("admin:integrations_metaadaccount_change", args=[row.pk]),
        }
        for row in ads
        if row.problem_code
    ][:SHOWN_PROBLEMS]
    context["several_accounts"] = len(accounts) > 1
    return context


# --- Counting: one statement each ---


def _cards(accounts: list[UserAccount]) -> dict[uuid.UUID, Card]:
    connections = AmoCRMConnection.objects.filter(user_account__in=accounts).defer(
        "access_token", "refresh_token", "metadata"
    )
    by_account = {connection.user_account_id: connection for connection in connections}
    return {account.pk: Card(account, by_account.get(account.pk)) for account in accounts}


def _count_waiting(cards: dict[uuid.UUID, Card], accounts: list[UserAccount]) -> bool:
    """The oldest first. Whether there are more than were counted."""
    rows = WebhookLog.objects.filter(processing_status=ProcessingStatus.RECEIVED, user_account__in=accounts)
    found = rows.order_by("id").values_list("user_account_id", "received_at")[: COUNTED + 1]
    for account_id, received_at in found:
        card = cards[account_id]
        card.waiting += 1
        card.oldest = card.oldest or received_at
    return len(found) > COUNTED


def _count_today(cards: dict[uuid.UUID, Card], accounts: list[UserAccount], now: datetime) -> None:
    """Of the newest deliveries those since their account's midnight."""
    midnights = {card.account.pk: _midnight(card.account, now) for card in cards.values()}
    newest = WebhookLog.objects.filter(user_account__in=accounts).order_by("-id")
    found = list(newest.values_list("user_account_id", "processing_status", "received_at")[: COUNTED + 1])
    for account_id, status, received_at in found[:COUNTED]:
        if received_at >= midnights[account_id]:
            cards[account_id].today[status] += 1
    if len(found) > COUNTED and found[-1][2] >= midnights[found[-1][0]]:
        for card in cards.values():
            card.today = Counter({status: CappedCount(number) for status, number in card.today.items()})


def _midnight(account: UserAccount, now: datetime) -> datetime:
    zone = shown_zone(account)
    return datetime.combine(now.astimezone(zone), time.min, zone)


def _told(accounts: list[UserAccount], now: datetime) -> Iterable[Tile]:
    hooks = HookDay.together(HookDay.objects.filter(user_account__in=accounts, day__gt=(now - WEEK).date()))
    loss = "" if hooks.loss is None else percent(hooks.loss)
    yield Tile(_("Gaps in 7 days"), hooks.untold, loss, reverse("admin:integrations_syncgap_changelist"))
    messages = SaleNotification.objects.filter(user_account__in=accounts, queued_at__gt=now - WEEK).order_by("-id")
    unsent = sum(state in UNSENT for state in messages.values_list("state", flat=True)[:COUNTED])
    address = reverse("admin:integrations_salenotification_changelist")
    yield Tile(_("Messages not sent in 7 days"), unsent, "", f"{address}?state__exact=failed", is_bad=bool(unsent))


# --- Showing ---


def _connected(cards: list[Card]) -> Tile:
    problems = sum(card.problem is not None for card in cards)
    connected = sum(bool(card.connection and card.connection.state == ConnectionState.CONNECTED) for card in cards)
    note = _("of %(all)d, with problems: %(problems)d") % {"all": len(cards), "problems": problems}
    address = reverse("admin:integrations_amocrmconnection_changelist")
    return Tile(_("Connected"), connected, note, address, is_bad=bool(problems))


def _waiting(cards: list[Card], now: datetime, is_capped: bool) -> Tile:
    number = sum(card.waiting for card in cards)
    oldest = min((card.oldest for card in cards if card.oldest), default=None)
    note = _("the oldest for %(age)s") % {"age": duration(now - oldest)} if oldest else ""
    address = f"{reverse(DELIVERIES)}?processing_status__exact=received"
    return Tile(_("Waiting"), str(CappedCount(COUNTED)) if is_capped else number, note, address)


def _meta(ads: list[MetaAdAccount], now: datetime) -> Tile:
    problems = sum(bool(row.problem_code) for row in ads)
    last = max((row.last_pulled_at for row in ads if row.last_pulled_at), default=None)
    note = _("read %(age)s ago") % {"age": duration(now - last)} if last else ""
    address = reverse("admin:integrations_metaadaccount_changelist")
    return Tile(_("Ad accounts with problems"), f"{problems} / {len(ads)}", note, address, is_bad=bool(problems))


def _shown(card: Card, now: datetime) -> dict[str, Any]:
    connection, problem = card.connection, card.problem
    state = ConnectionState(connection.state) if connection else None
    since = connection.problem_since if connection else None
    return {
        "account": card.account,
        "connection": connection,
        "state": badge(state.label, STATE_KINDS[state]) if state else badge(_("not connected yet")),
        "problem": problem.label if problem else "",
        "problem_for": duration(now - since) if since else "",
        "knows_zone": knows_zone(card.account),
        "backlog": card.waiting,
        "oldest": duration(now - card.oldest) if card.oldest else "",
        "today": _today(card),
        "deliveries": f"{reverse(DELIVERIES)}?account={card.account.pk}",
    }


def _today(card: Card) -> list[tuple[SafeString, str, str]]:
    """(badge, number, link) for each status."""
    base = f"{reverse(DELIVERIES)}?account={card.account.pk}&processing_status__exact="
    return [
        (badge(status.label, STATUS_KINDS[status]), str(card.today[status]), f"{base}{status.value}")
        for status in ProcessingStatus
        if card.today[status]
    ]


def _syncs(accounts: list[UserAccount]) -> list[dict[str, Any]]:
    runs = SyncRun.objects.filter(user_account__in=accounts).select_related("user_account").defer("progress", "cursor")
    return [
        {
            "run": run,
            "state": badge(run.get_state_display(), SYNC_KINDS[SyncRun.State(run.state)], retold(run.detail)[:300]),
            "address": reverse("admin:integrations_syncrun_change", args=[run.pk]),
        }
        for run in runs.order_by("-id")[:SHOWN_SYNCS]
    ]
