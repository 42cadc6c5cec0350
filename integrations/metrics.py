"""`/metrics` for Prometheus. Everything is read from the database when asked, so every process answers the same.

Each number is bounded: the cost does not grow with what lies in the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Min, Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from integrations.models import (
    AmoCRMConnection,
    ConnectionState,
    HookDay,
    LeadPush,
    MetaAdAccount,
    MetaProblem,
    NotificationState,
    Problem,
    ProcessingStatus,
    SaleNotification,
    SyncRun,
    WebhookLog,
)
from integrations.received import received_between
from leads.access import open_to_all
from leads.api.plain import for_reading
from leads.clock import shared_now
from leads.languages import TokenAuthentication
from leads.models import Membership, PushState, Role, User

M = TypeVar("M", bound=Model)
DAY = timedelta(days=1)
# amoCRM's: three months unused.
REFRESH_TOKEN_LIVES = 90 * DAY


@for_reading
@open_to_all
def metrics(request: HttpRequest, others: Iterable[Collector] = ()) -> HttpResponse:
    """Prometheus' text format; for `Bearer METRICS_TOKEN` and superusers of all accounts, for staff of their own.

    :param others: what is measured elsewhere and shown here as well.
    """
    accounts = None
    if not _has_token(request):
        person = _caller(request)
        if person is None:
            return JsonResponse({"detail": _("Sign in, or send the header “Authorization: Bearer …”.")}, status=401)
        accounts = _accounts_of(person)
        if accounts == []:
            return JsonResponse({"detail": _("Metrics are for staff.")}, status=403)
    registry = CollectorRegistry()
    for collector in (DatabaseCollector(accounts), *others):
        registry.register(collector)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _has_token(request: HttpRequest) -> bool:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    # With no token set, the empty one must open nothing.
    return bool(wanted) and kind.lower() == "bearer" and constant_time_compare(token.strip(), wanted)


def _caller(request: HttpRequest) -> User | None:
    """Who asks, by API token or session."""
    try:
        by_token = TokenAuthentication().authenticate(Request(request))
    except AuthenticationFailed:
        return None
    person = by_token[0] if by_token else request.user
    return person if isinstance(person, User) else None


def _accounts_of(user: User) -> list[UUID] | None:
    """The accounts in which a person is staff or owner; None: all."""
    if not user.is_active:
        return []
    if user.is_superuser:
        return None
    rows = Membership.objects.filter(user=user, role__in=[Role.STAFF, Role.OWNER])
    return list(rows.values_list("user_account", flat=True))


class DatabaseCollector(Collector):
    """One answer of `/metrics`.

    :param accounts: whose rows are counted; None: everybody's.
    """

    def __init__(self, accounts: Sequence[UUID] | None = None) -> None:
        self._now = shared_now()
        self._accounts = accounts

    def _rows(self, model: type[M]) -> QuerySet[M]:
        """In no order: sums and counts need none."""
        rows: QuerySet[M] = model._default_manager.order_by()
        return rows if self._accounts is None else rows.filter(user_account__in=self._accounts)

    def describe(self) -> Iterable[Metric]:
        return []  # names are known without asking the database

    def collect(self) -> Iterable[Metric]:
        yield from self._deliveries()
        yield from self._connections()
        yield _by_state(
            "voronka_notifications",
            "Telegram messages: waiting ones all, ended ones of the last 24 hours.",
            _recent(self._rows(SaleNotification), ("pending", "sending"), self._now),
            NotificationState.values,
        )
        yield _by_state(
            "voronka_lead_pushes",
            "Leads sent to amoCRM: waiting and failed ones all, sent ones of the last 24 hours.",
            _recent(self._rows(LeadPush), ("pending", "failed"), self._now),
            [state for state in PushState.values if state != PushState.NONE],
        )
        yield from self._meta()

    def _meta(self) -> Iterable[Metric]:
        accounts = self._rows(MetaAdAccount).filter(is_active=True)
        problems = dict(accounts.exclude(problem_code="").values_list("problem_code").annotate(n=Count("id")))
        yield _by_state(
            "voronka_meta_problems",
            "Ad accounts at Meta that are not read, by why.",
            problems,
            MetaProblem.values,
            "problem",
        )

    def _deliveries(self) -> Iterable[Metric]:
        waiting = self._rows(WebhookLog).filter(processing_status=ProcessingStatus.RECEIVED)
        yield _gauge("voronka_backlog_deliveries", "Deliveries that wait to be applied.", waiting.count())
        oldest = waiting.order_by("id").values_list("received_at", flat=True).first()
        yield _gauge(
            "voronka_backlog_oldest_seconds", "Age of the oldest waiting delivery; 0: none waits.", self._age(oldest)
        )
        recent = received_between(self._rows(WebhookLog), self._now - DAY, None)
        counts = recent.values_list("processing_status").annotate(n=Count("id"))
        yield _by_state(
            "voronka_deliveries_24h",
            "Deliveries of the last 24 hours.",
            dict(counts),
            ProcessingStatus.values,
            "status",
        )

    def _connections(self) -> Iterable[Metric]:
        rows = self._rows(AmoCRMConnection)
        connected = rows.filter(state=ConnectionState.CONNECTED)
        states = dict(rows.values_list("state").annotate(n=Count("id")))
        yield _by_state("voronka_connections", "Connections to amoCRM.", states, ConnectionState.values)
        problems = dict(rows.exclude(problem_code="").values_list("problem_code").annotate(n=Count("id")))
        yield _by_state(
            "voronka_connection_problems", "Connections that wait, by why.", problems, Problem.values, "problem"
        )
        inactive = connected.filter(webhook_active=False).count()
        yield _gauge("voronka_hooks_inactive", "Connected accounts whose hook is not active.", inactive)
        soonest = connected.aggregate(at=Min("token_expires_at"))["at"]
        if soonest is not None:
            yield _gauge("voronka_token_expires_seconds", "Until the first access token expires.", -self._age(soonest))
        ends = self._first_end(connected)
        if ends is not None:
            yield _gauge(
                "voronka_connection_ends_seconds", "Until the first connection ends, if nothing renews it.", ends
            )
        yield from self._syncs(connected)
        yield from self._hook_days(connected)

    def _first_end(self, connected: QuerySet[AmoCRMConnection]) -> float | None:
        """Seconds: a long-lived token's own end; of the others, that of the refresh token."""
        long_lived = connected.filter(refresh_token="").aggregate(at=Min("token_expires_at"))["at"]
        refreshed = connected.exclude(refresh_token="").aggregate(at=Min("token_refreshed_at"))["at"]
        ends = [at for at in (long_lived, refreshed and refreshed + REFRESH_TOKEN_LIVES) if at is not None]
        return -self._age(min(ends)) if ends else None

    def _syncs(self, connected: QuerySet[AmoCRMConnection]) -> Iterable[Metric]:
        done = self._rows(SyncRun).filter(kind=SyncRun.Kind.LEADS, state=SyncRun.State.DONE)
        # A sync of long ago is as bad as none: only the last month is looked at.
        newest = done.filter(user_account__in=connected.values("user_account"), finished_at__gte=self._now - 30 * DAY)
        last = newest.values("user_account").annotate(at=Max("finished_at")).values_list("at", flat=True)
        moments = [at for at in last if at is not None]
        missing = connected.count() - len(moments)
        yield _gauge("voronka_accounts_never_synced", "Connected accounts without a sync in the last month.", missing)
        if moments:
            yield _gauge(
                "voronka_last_sync_age_seconds", "Of the account that was synced longest ago.", self._age(min(moments))
            )

    def _hook_days(self, connected: QuerySet[AmoCRMConnection]) -> Iterable[Metric]:
        """From the gap ledger. Its days begin in each account's zone, so two of them cover every account's last one."""
        days = self._rows(HookDay).filter(
            user_account__in=connected.values("user_account"), day__gte=self._now.date() - DAY
        )
        hooks = HookDay.together(days)
        yield _by_state(
            "voronka_hook_changes",
            "Changes at amoCRM since yesterday: told by a hook, found by a sync, told after that.",
            {"told": hooks.told, "untold": hooks.untold, "late": hooks.late},
            ("told", "untold", "late"),
            "outcome",
        )
        if hooks.loss is not None:
            yield _gauge("voronka_hook_loss_percent", "Of those changes: what no hook told of in time.", hooks.loss)
        if hooks.delay_p95 is not None:
            yield _gauge(
                "voronka_hook_delay_p95_seconds", "Of the account whose hooks are the slowest.", hooks.delay_p95
            )

    def _age(self, at: datetime | None) -> float:
        return (self._now - at).total_seconds() if at is not None else 0.0


def _recent(rows: QuerySet[Any], kept: tuple[str, ...], now: datetime) -> dict[str, int]:
    counts = dict(rows.filter(created_at__gte=now - DAY).values_list("state").annotate(n=Count("id")))
    for state in kept:
        counts[state] = rows.filter(state=state).count()
    return counts


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by_state(name: str, text: str, counts: dict[str, int], states: Iterable[str], label: str = "state") -> Metric:
    """A line for every state, so that none vanishes from a graph when nothing is in it."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for state in states:
        family.add_metric([state], counts.get(state, 0))
    return family
