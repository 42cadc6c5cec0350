"""How well the hooks do: what share of the changes they do not tell of, and how late they tell of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone

from integrations.amocrm.brackets import items_of
from integrations.amocrm.values import id_of, time_of
from integrations.models import HookDay, SyncGap, SyncRun, WebhookLog
from integrations.received import received_between
from leads.days import begin_of, end_of
from leads.models import UserAccount

_LONGEST_LOOK_BACK = 60
_LOSS_DAYS = 7


@dataclass(frozen=True, slots=True)
class Loss:
    """Over some days: `percent` of the changes that no hook told of (None without changes), and the counts."""

    told: int
    untold: int
    late: int

    @property
    def percent(self) -> float | None:
        changes = self.told + self.untold
        return 100 * self.untold / changes if changes else None


def hook_loss(account: UserAccount) -> Loss:
    """Of the last seven days, today included, as of the last sync."""
    since = timezone.localdate(timezone=account.zone) - timedelta(days=_LOSS_DAYS - 1)
    rows = HookDay.objects.filter(user_account=account, day__gte=since)
    sums = rows.aggregate(Sum("told"), Sum("untold"), Sum("late"))
    return Loss(sums["told__sum"] or 0, sums["untold__sum"] or 0, sums["late__sum"] or 0)


def refresh_figures(account: UserAccount, run: SyncRun) -> None:
    """Count anew the days since the one before the last run, and those of which this run has found gaps."""
    today = timezone.localdate(timezone=account.zone)
    oldest = today - timedelta(days=_LONGEST_LOOK_BACK)
    done = SyncRun.objects.filter(user_account=account, kind=SyncRun.Kind.LEADS, state=SyncRun.State.DONE)
    last = done.exclude(pk=run.pk).order_by("-pk").values_list("started_at", flat=True).first()
    begin = max(oldest, min(today, timezone.localdate(last, account.zone) if last else today) - timedelta(days=1))
    moments = run.gaps.values_list("changed_at", flat=True)
    found = {timezone.localdate(moment, account.zone) for moment in moments.iterator(chunk_size=1000)}
    days = {day for day in found if day >= oldest}
    days |= {today - timedelta(days=back) for back in range((today - begin).days + 1)}
    HookDay.objects.bulk_create(
        [_count(account, day) for day in sorted(days)],
        update_conflicts=True,
        unique_fields=["user_account", "day"],
        update_fields=["told", "untold", "late", "delay_p50", "delay_p95"],
    )


def _count(account: UserAccount, day: date) -> HookDay:
    begin, end = begin_of(day, account), end_of(day, account)
    delays = _delays(account, begin, end)
    late = Count("pk", filter=Q(told_at__isnull=False))
    gaps = SyncGap.objects.filter(user_account=account, changed_at__gte=begin, changed_at__lt=end)
    counts = gaps.exclude(what=SyncGap.What.MERGED).aggregate(all=Count("pk"), late=late)
    return HookDay(
        user_account=account,
        day=day,
        told=len(delays),
        untold=counts["all"] - counts["late"],
        late=counts["late"],
        delay_p50=_percentile(delays, 0.5),
        delay_p95=_percentile(delays, 0.95),
    )


def _delays(account: UserAccount, begin: datetime, end: datetime) -> list[float]:
    """Seconds from each change to the first delivery that told of it, sorted. One deal in one second is one change."""
    first: dict[tuple[int, datetime], float] = {}
    own = WebhookLog.objects.filter(user_account=account)
    logs = received_between(own, begin, end, among=own)
    for data, received_at in logs.order_by("pk").values_list("deal_data", "received_at").iterator(chunk_size=200):
        for deal_id, at in _changes(data):
            first.setdefault((deal_id, at), max(0.0, (received_at - at).total_seconds()))
    return sorted(first.values())


def _changes(data: Any) -> Iterator[tuple[int, datetime]]:
    leads = data.get("leads") if isinstance(data, dict) else None
    for items in leads.values() if isinstance(leads, dict) else ():
        for item in items_of(items):
            if isinstance(item, dict):
                deal_id, at = id_of(item.get("id")), time_of(item.get("updated_at") or item.get("last_modified"))
                if deal_id and at:
                    yield deal_id, at


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def last_delays(account: UserAccount) -> tuple[float, float] | None:
    """(median, 95th percentile) in seconds, of the newest day that has any."""
    day = HookDay.objects.filter(user_account=account, delay_p50__isnull=False).order_by("-day").first()
    if day is None or day.delay_p50 is None or day.delay_p95 is None:
        return None
    return day.delay_p50, day.delay_p95
