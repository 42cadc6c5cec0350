"""Taking snapshots: once a day for each account, after its own midnight."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analytics.models import ReportSnapshot, SnapshotLine
from analytics.reports.spans import Span
from analytics.snapshots.sums import NAMES, differences, lines_of, sums_now, sums_of_lines
from leads.deals.apply import lock_account
from leads.models import UserAccount
from leads.turns import turn_of

BATCH = 1_000
# So many accounts have the same midnight that one run may not get through; the next goes on.
SECONDS = 120.0


def due(now: datetime) -> Iterator[tuple[UserAccount, date]]:
    """Accounts whose last day is over and has no snapshot yet, with that day. Days that were missed stay without."""
    for account in UserAccount.objects.annotate(last=Max("report_snapshots__day")).order_by("last", "pk"):
        with turn_of(account.pk, "snapshot"):
            yesterday = timezone.localdate(now, account.zone) - timedelta(days=1)
            if account.last is None or account.last < yesterday:
                yield account, yesterday


def take_due(now: datetime | None = None, seconds: float = SECONDS) -> int:
    """Take the snapshots that are due, as many as there is time for. How many were taken."""
    ends = time.monotonic() + seconds
    taken = 0
    for account, day in due(now or timezone.now()):
        with turn_of(account.pk, "snapshot"):
            taken += take_snapshot(account, day) is not None
        if time.monotonic() > ends:
            break
    return taken


@transaction.atomic
def take_snapshot(account: UserAccount, day: date) -> ReportSnapshot | None:
    """Write down what has changed in the reports since the last snapshot. None when the day has one already.

    Reads sums, and writes a line per day and creative that differ: a day's work, however much there is.
    """
    # Leads and sales stand still meanwhile, so that all sums are of one moment; and only one takes the snapshot.
    lock_account(account)
    if ReportSnapshot.objects.filter(user_account=account, day__gte=day).exists():
        return None
    snapshot = ReportSnapshot.objects.create(
        user_account=account, day=day, taken_at=timezone.now(), currency=account.currency
    )
    whole = Span(account)
    found = differences(sums_now(whole), sums_of_lines(lines_of(whole), "day", "creative_id"))
    SnapshotLine.objects.bulk_create(
        (
            SnapshotLine(
                user_account=account,
                snapshot=snapshot,
                day=place[0],
                creative_id=place[1],
                **{name: getattr(difference, name) for name in NAMES},
            )
            for place, difference in found
        ),
        batch_size=BATCH,
    )
    return snapshot
