"""What uploaded rows of spend would do, before they do it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.models import AdSpend, Targetologist
from analytics.pages.spend import KINDS, SpendSum
from analytics.pages.uploading import SHOWN_ROWS, Preview
from analytics.reports.definitions import Text
from analytics.spend.checking import SpendRow
from analytics.spend.uploads import Checked
from leads.models import Creative, Direction, UserAccount


@dataclass(frozen=True, slots=True)
class ShownRow:
    row: SpendRow
    kind: Text
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendPreview(Preview):
    first: date | None
    last: date | None
    sums: list[SpendSum]
    counted_twice: int
    """Rows of which another source tells as well: reports add up what both say."""


def preview_of(account: UserAccount, checked: Checked[SpendRow], token: str) -> SpendPreview:
    days = [row.day for row in checked.rows]
    stored = _stored(account, days)
    return SpendPreview(
        checked=checked,
        token=token,
        first=min(days, default=None),
        last=max(days, default=None),
        sums=_sums(checked.rows),
        replaced=sum(row.source in stored[row.day, row.what] for row in checked.rows),
        counted_twice=sum(bool(stored[row.day, row.what] - {row.source}) for row in checked.rows),
        rows=_shown(account, checked.rows[:SHOWN_ROWS]),
    )


def _sums(rows: Sequence[SpendRow]) -> list[SpendSum]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row.currency] += row.amount
    return [SpendSum(currency, amount) for currency, amount in sorted(sums.items())]


def _stored(account: UserAccount, days: Sequence[date]) -> dict[tuple[date, str], set[str]]:
    """Which sources tell of each day and thing by now."""
    sources: dict[tuple[date, str], set[str]] = defaultdict(set)
    if days:
        known = AdSpend.objects.filter(user_account=account, day__range=(min(days), max(days))).order_by()
        for day, what, source in known.values_list("day", "what", "source"):
            sources[day, what].add(source)
    return sources


def _shown(account: UserAccount, rows: Sequence[SpendRow]) -> list[ShownRow]:
    """With the names of what they name: a wrong id is best seen by its name."""
    names: dict[str, str] = {}
    for kind, model in (("creative", Creative), ("direction", Direction), ("targetologist", Targetologist)):
        ids = {getattr(row, f"{kind}_id") for row in rows} - {None}
        found = model._default_manager.filter(user_account=account, pk__in=ids) if ids else ()
        names |= {f"{kind}:{thing.pk}": str(thing) for thing in found}
    return [
        ShownRow(row, KINDS[row.what.partition(":")[0]], row.campaign or names.get(row.what, row.what)) for row in rows
    ]
