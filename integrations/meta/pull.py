"""Reading an ad account's spend: span of days by span of days, each stored whole in one transaction with the cursor.

So a worker may be killed anywhere, and Meta may stop answering anywhere: nothing is lost, nothing counts twice, and the
reading goes on where it stood.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from analytics.spend.store import Replaced
from integrations.ending import is_turn_over
from integrations.lease import Lease, LeaseLost
from integrations.meta.client import MetaClient
from integrations.meta.errors import MetaError, RateLimited, TooMuch
from integrations.meta.lease import take_lease
from integrations.meta.problems import clear, next_morning, note
from integrations.meta.spend import follow_creatives, store_days
from integrations.models import MetaAdAccount, MetaPull
from leads.deals.apply import lock_account
from leads.told import told

logger = structlog.get_logger(__name__)

Days = tuple[date, date]
"""From and to, both inclusive, in the ad account's time zone."""

# Meta counts a conversion, and takes invalid clicks back, up to 28 days later; after that a day's numbers stand.
REVISED = timedelta(days=28)
FIRST_TIME = timedelta(days=90)
# Meta keeps 37 months.
KEPT = timedelta(days=37 * 30)
SPAN_DAYS = 7
PAGE_SIZE, SMALLEST_PAGE = 500, 25
# A worker's thread is not one ad account's alone.
TURN_SECONDS = 60.0


def start(ad_account: MetaAdAccount, days: Days | None) -> MetaPull:
    """The reading under way, or a new one of what Meta may have changed since the last.

    One of days that were asked for takes the place of one under way, whose days the next daily one reads.
    """
    running = ad_account.pulls.filter(state=MetaPull.State.RUNNING)
    if days is None and (pull := running.first()) is not None:
        return pull
    today = timezone.localdate(timezone=ad_account.zone)
    first, last = days or (_since(ad_account, today), today)
    first, last = max(first, today - KEPT), min(last, today)
    with transaction.atomic():
        stopped = told("Another reading was asked for.")
        running.update(state=MetaPull.State.FAILED, detail=stopped, finished_at=timezone.now())
        return MetaPull.objects.create(
            user_account=ad_account.user_account, ad_account=ad_account, since=first, until=last, next_day=first
        )


def work(ad_account_id: int, *, seconds: float = TURN_SECONDS, days: Days | None = None) -> MetaPull | None:
    """Go on with the ad account's reading, or start one, for about so many seconds.

    None when another worker is at it. What goes wrong is noted on the reading and on the ad account.

    :param days: what to read, in place of what is due.
    """
    lease = take_lease(ad_account_id)
    if lease is None:
        return None
    ad_account = MetaAdAccount.objects.select_related("user_account").get(pk=ad_account_id)
    client = MetaClient(ad_account)
    try:
        return _Turn(ad_account, lease, client, time.monotonic() + seconds).run(days)
    except LeaseLost:
        logger.warning("meta_lease_lost", ad_account=ad_account.pk)
        return None
    finally:
        client.close()
        lease.release()


class _Turn:
    """One worker's turn at one reading."""

    def __init__(self, ad_account: MetaAdAccount, lease: Lease, client: MetaClient, ends: float) -> None:
        self.ad_account, self.lease, self.client, self.ends = ad_account, lease, client, ends

    def run(self, days: Days | None) -> MetaPull:
        pull = None
        try:
            self._ask_facts()
            pull = start(self.ad_account, days)
            self._read(pull)
        except MetaError as error:
            pull = pull or start(self.ad_account, days)
            self._fail(pull, error)
        return pull

    def _ask_facts(self) -> None:
        """Before anything else: the days are those of its time zone, the amounts of its currency."""
        facts = self.client.facts()
        account = self.ad_account
        account.name, account.currency, account.timezone = facts.name, facts.currency, facts.timezone
        account.save(update_fields=["name", "currency", "timezone"])

    def _read(self, pull: MetaPull) -> None:
        days, page_size = SPAN_DAYS, PAGE_SIZE
        while pull.next_day <= pull.until:
            if is_turn_over(self.ends):
                return  # due still: the next sweep goes on
            last = min(pull.next_day + timedelta(days=days - 1), pull.until)
            try:
                rows = self.client.insights(pull.next_day, last, page_size)
            except TooMuch:
                if days == 1 and page_size == SMALLEST_PAGE:
                    raise
                days, page_size = (days // 2, page_size) if days > 1 else (1, max(page_size // 2, SMALLEST_PAGE))
                continue
            with self._alone():
                self._count(pull, store_days(self.ad_account, pull.next_day, last, rows), len(rows))
                pull.next_day = last + timedelta(days=1)
                pull.save()
            clear(self.ad_account)
            if self.client.usage.is_nearly_all and pull.next_day <= pull.until:
                raise RateLimited(told("Meta's limit is nearly used up."), self.client.usage.regain_seconds)
        self._finish(pull)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction in which nobody else changes the account's spend, creatives and ad accounts."""
        with transaction.atomic():
            lock_account(self.ad_account.user_account)
            self.lease.hold()
            yield

    def _finish(self, pull: MetaPull) -> None:
        account, now = self.ad_account, timezone.now()
        with self._alone():
            self._count(pull, follow_creatives(account), 0)
            pull.state, pull.detail, pull.finished_at = MetaPull.State.DONE, "", now
            pull.save()
            account.last_pulled_at = now
            if pull.since <= _since(account, pull.until):
                account.pulled_until = max(pull.until, account.pulled_until or pull.until)
                is_late = pull.until < timezone.localdate(now, account.zone)  # it has waited for days
                account.next_pull_at = now if is_late else next_morning(account, now)
            account.save(update_fields=["pulled_until", "last_pulled_at", "next_pull_at"])
        clear(account)

    def _fail(self, pull: MetaPull, error: MetaError) -> None:
        """What a person has to mend ends the reading; what passes by itself lets it wait."""
        now = timezone.now()
        with self._alone():
            note(self.ad_account, error, now)
            self._count(pull, Replaced(0, 0, 0), 0)
            pull.detail = error.detail
            if not error.is_temporary:
                pull.state, pull.finished_at = MetaPull.State.FAILED, now
            pull.save()
        logger.warning("meta_not_read", ad_account=self.ad_account.pk, problem=error.problem.value)

    def _count(self, pull: MetaPull, replaced: Replaced, rows: int) -> None:
        pull.rows += rows
        pull.created += replaced.created
        pull.updated += replaced.updated
        pull.removed += replaced.removed
        pull.api_requests += self.client.take_requests()


def _since(ad_account: MetaAdAccount, today: date) -> date:
    """The first day that a reading up to today has to cover, so that none is left out and each revised one read."""
    if ad_account.pulled_until is None:
        return today - FIRST_TIME
    return min(ad_account.pulled_until, today) - REVISED
