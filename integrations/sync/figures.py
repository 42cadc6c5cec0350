"""How well the hooks do: what share of the changes they do not tell of, and how late they tell of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations.amocrm.brackets import items_of
from integrations.amocrm.values import id_of, text_of, time_of
from integrations.models import HookDay, SyncGap, SyncRun, WebhookLog
from integrations.received import received_between
from leads.days import begin_of, end_of
from leads.models import UserAccount

_LONGEST_LOOK_BACK = 60


def hook_week(account: UserAccount) -> HookDay:
    """The last seven days together, today included, as of the last sync."""
    since = timezone.localdate(timezone=account.zone) - timedelta(days=6)
    return HookDay.together(HookDay.objects.filter(user_account=account, day__gte=since))


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
    late, untold = _missed(account, begin, end)
    return HookDay(
        user_account=account,
        day=day,
        told=len(delays),
        untold=len(untold),
        late=len(late),
        delay_p50=_percentile(delays, 0.5),
        delay_p95=_percentile(delays, 0.95),
    )


def _missed(account: UserAccount, begin: datetime, end: datetime) -> tuple[set[Any], set[Any]]:
    """The changes that syncs found: those that hooks told of later, and the others. As with what was told, one deal or
    contact in one second is one change, however many gaps it left: a contact's stand under each of its deals."""
    late, others = set[Any](), set[Any]()
    gaps = SyncGap.objects.filter(user_account=account, changed_at__gte=begin, changed_at__lt=end)
    rows = gaps.exclude(what=SyncGap.What.MERGED).order_by()
    for what, deal_id, after, at, told_at in rows.values_list(
        "what", "amocrm_lead_id", "after", "changed_at", "told_at"
    ).iterator():
        change = (after if what == SyncGap.What.CONTACT else deal_id, at)
        (others if told_at is None else late).add(change)
    return late, others - late


def _delays(account: UserAccount, begin: datetime, end: datetime) -> list[float]:
    """Seconds from each change to the first delivery that told of it, sorted. One deal or contact in one second is one
    change."""
    first: dict[tuple[str, int, datetime], float] = {}
    own = WebhookLog.objects.filter(user_account=account)
    logs = received_between(own, begin, end, among=own)
    for data, received_at in logs.order_by("pk").values_list("deal_data", "received_at").iterator(chunk_size=200):
        for change in _changes(data):
            first.setdefault(change, max(0.0, (received_at - change[-1]).total_seconds()))
    return sorted(first.values())


def _changes(data: Any) -> Iterator[tuple[str, int, datetime]]:
    """What a delivery tells of: leads or contacts, the id, when it changed. A new contact comes with its deal, whose
    gap would be the only one."""
    for entity in ("leads", "contacts"):
        actions = data.get(entity) if isinstance(data, dict) else None
        for action, items in actions.items() if isinstance(actions, dict) else ():
            if (entity, action) != ("contacts", "add"):
                yield from ((entity, *change) for change in _changed(items_of(items)))


def _changed(items: Iterable[Any]) -> Iterator[tuple[int, datetime]]:
    for item in items:
        if isinstance(item, dict) and text_of(item.get("type")).lower() != "company":  # companies come under contacts
            entity_id, at = id_of(item.get("id")), time_of(item.get("updated_at") or item.get("last_modified"))
            if entity_id and at:
                yield entity_id, at


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
