"""From ads by day to spend: under the ad's creative where there is one, else under its campaign, so that no money is
lost for want of a creative."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, timedelta

from django.db.models import F, OuterRef, Q, Subquery

from analytics.models import AdSpend
from analytics.spend.checking import SpendRow
from analytics.spend.store import Replaced, replace_source
from integrations.meta.rows import AdDay
from integrations.models import MetaAdAccount, MetaAdDay
from leads.cents import to_cents
from leads.models import Creative

BATCH = 2000


def store_days(ad_account: MetaAdAccount, first: date, last: date, rows: Iterable[AdDay]) -> Replaced:
    """Make these rows all that is known of the days from `first` to `last`. Call it within a transaction."""
    # A page that shifts while it is read may tell of an ad twice; the later telling counts.
    told = {(row.day, row.ad_id): row for row in rows}
    creatives = _creatives(ad_account, {row.ad_id for row in told.values()})
    MetaAdDay.objects.filter(ad_account=ad_account, day__range=(first, last)).delete()
    MetaAdDay.objects.bulk_create(
        [_as_row(ad_account, row, creatives.get(row.ad_id)) for row in told.values()], batch_size=BATCH
    )
    return _derive(ad_account, [first + timedelta(n) for n in range((last - first).days + 1)])


def follow_creatives(ad_account: MetaAdAccount) -> Replaced:
    """Move the money of ads whose creative was created, or named with their id, since. Call it within a transaction."""
    theirs = Creative.objects.filter(user_account=ad_account.user_account_id, external_ad_id=OuterRef("ad_id"))
    rows = MetaAdDay.objects.filter(ad_account=ad_account).annotate(theirs=Subquery(theirs.values("pk")[:1]))
    is_other = Q(theirs__isnull=False) & (Q(creative__isnull=True) | ~Q(creative=F("theirs")))
    moved = rows.filter(is_other | Q(theirs__isnull=True, creative__isnull=False))
    days = {*moved.values_list("day", flat=True), *_days_of_deleted(ad_account)}
    moved.update(creative=Subquery(theirs.values("pk")[:1]))
    return _derive(ad_account, days)


def _days_of_deleted(ad_account: MetaAdAccount) -> Iterable[date]:
    """Days with money that names nothing any more: its creative was deleted."""
    rows = AdSpend.objects.filter(user_account=ad_account.user_account_id, source=ad_account.source)
    return rows.filter(creative=None, campaign="").values_list("day", flat=True)


def _derive(ad_account: MetaAdAccount, days: Collection[date]) -> Replaced:
    rows = MetaAdDay.objects.filter(ad_account=ad_account, day__in=days).order_by("day", "ad_id")
    spent = [_spent(ad_account, row) for row in rows]
    return replace_source(ad_account.user_account, ad_account.source, days, _summed(spent))


def _summed(rows: Sequence[SpendRow]) -> list[SpendRow]:
    """One row for each thing and day; rounded only now."""
    sums: dict[tuple[date, str], SpendRow] = {}
    for row in rows:
        key = (row.day, row.what)
        sums[key] = _plus(sums[key], row) if key in sums else row
    return [replace(row, amount=to_cents(row.amount)) for row in sums.values()]


def _plus(one: SpendRow, other: SpendRow) -> SpendRow:
    return replace(
        one,
        amount=one.amount + other.amount,
        impressions=(one.impressions or 0) + (other.impressions or 0),
        clicks=(one.clicks or 0) + (other.clicks or 0),
    )


def _spent(ad_account: MetaAdAccount, row: MetaAdDay) -> SpendRow:
    return SpendRow(
        day=row.day,
        amount=row.amount,
        currency=ad_account.currency,
        creative_id=row.creative_id,
        campaign="" if row.creative_id else row.campaign or row.ad_name or f"act_{ad_account.act_id}",
        impressions=row.impressions,
        clicks=row.clicks,
        source=ad_account.source,
    )


def _creatives(ad_account: MetaAdAccount, ad_ids: Collection[str]) -> dict[str, int]:
    rows = Creative.objects.filter(user_account=ad_account.user_account_id, external_ad_id__in=ad_ids)
    return dict(rows.values_list("external_ad_id", "pk"))


def _as_row(ad_account: MetaAdAccount, row: AdDay, creative_id: int | None) -> MetaAdDay:
    return MetaAdDay(
        user_account=ad_account.user_account,
        ad_account=ad_account,
        creative_id=creative_id,
        **{field.name: getattr(row, field.name) for field in fields(AdDay)},
    )
