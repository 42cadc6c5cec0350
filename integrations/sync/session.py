"""One worker's turn on one run: the row, the lease, the reader and the books, and how a page is committed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.pacing import Priority
from integrations.connecting.problems import clear_problem
from integrations.ending import is_turn_over
from integrations.models import AmoCRMConnection, SyncRun
from integrations.settling import apply_and_settle
from integrations.sync.hearsay import Hearsay
from integrations.sync.lease import RunLease
from integrations.sync.ledger import Ledger
from integrations.sync.reader import Reader
from integrations.sync.staging import Staging
from leads.deals.apply import lock_account
from leads.models import UserAccount
from leads.news import ContactSnapshot, DealSnapshot, Evidence

# A run gives way to other accounts' work after this long, between two pages.
TURN_SECONDS = 60.0
_SAVED = ["cursor", "progress", "total", "updated", "errors", "api_requests", "drift_count", "detail"]


class TurnOver(Exception):
    """Others want the worker too; the run goes on from its cursor."""


class Session:
    """`cursor` is the run's; what a phase puts there is committed with the page that it stands for."""

    def __init__(self, run: SyncRun, connection: AmoCRMConnection, lease: RunLease) -> None:
        self.run = run
        self.connection = connection
        self.account: UserAccount = connection.user_account
        self.lease = lease
        self.cursor: dict[str, Any] = run.cursor
        is_first = bool(self.cursor.get("is_first"))
        self.reader = Reader(
            connection,
            Priority.FIRST_SYNC if is_first else Priority.RECONCILIATION,
            parts=self.cursor.get("parts", 1),
        )
        hearsay = Hearsay(self.account.pk, self.moment("heard_since") or run.started_at)
        self.ledger = Ledger(run, hearsay, is_kept=self.cursor.get("is_kept", False), floor=self.moment("floor"))
        self.staging = Staging(run)
        self.evidence = Evidence(sync_run_id=run.pk, action="sync")
        self._changed: set[int] = set()
        self._updated_before = run.updated
        self._requests_before = run.api_requests
        self._began = time.monotonic()

    def moment(self, name: str) -> datetime | None:
        """A time out of the cursor."""
        text = self.cursor.get(name)
        return parse_datetime(text) if text else None

    def remember(self, **values: Any) -> None:
        """Put values into the cursor; times as ISO 8601."""
        for name, value in values.items():
            self.cursor[name] = value.isoformat() if isinstance(value, datetime) else value

    @contextmanager
    def page(self, *, gives_way: bool = True) -> Iterator[None]:
        """One page's transaction, fenced by the lease; the cursor and the counts go in with it.

        :param gives_way: False in a phase that has to begin anew when it is broken off: were its turn to end before
            its pages do, it would never come to an end.

        :raises TurnOver: after the commit, when the turn is over.
        """
        with transaction.atomic():
            # From the beginning: what is found out before it is applied must not be overtaken, as by an erasure.
            lock_account(self.account)
            self.lease.hold()
            yield
            self.cursor["outages"] = 0
            if gives_way:  # else whoever is broken off begins the phase anew, and has got no further
                self.cursor["failures"] = 0
            self._save()
        if self.connection.problem_code or self.connection.failures:
            clear_problem(self.connection)
            self.connection.refresh_from_db(fields=["problem_code", "failures", "next_attempt_at"])
        if gives_way and is_turn_over(self._began + TURN_SECONDS):
            raise TurnOver

    def apply(
        self, deals: list[DealSnapshot], contacts: list[ContactSnapshot] | None = None, *, counts: bool = True
    ) -> None:
        """Hand news to the leads, and count what it changed. Inside a page's transaction."""
        changes = apply_and_settle(
            self.account, deals=deals, contacts=contacts or [], told_by={}, is_sync=True, now=timezone.now()
        )
        if counts:
            self._changed |= {change.deal_id for change in changes if change.is_news}

    def forget_changed(self) -> None:
        """What comes next cannot be what was counted already: the set need not grow with the account."""
        self._updated_before += len(self._changed)
        self._changed.clear()

    def note_outage(self) -> None:
        """A page did not come. One that fails again and again may be too heavy for amoCRM."""
        self.cursor["outages"] = self.cursor.get("outages", 0) + 1
        if self.cursor["outages"] > 1:
            self.cursor["parts"] = self.reader.smaller_parts()
        with transaction.atomic():
            self.lease.hold()
            self.run.save(update_fields=["cursor"])

    def note(self, error: AmoCRMError) -> None:
        """What amoCRM refuses or does not come to an end with, and the run can do without."""
        self.run.detail = f"{self.run.detail} {error}".strip()

    def show(self, **progress: Any) -> None:
        """What people see of the run: phase, done, expected (None: not known), and what follows from them."""
        spent = max(0.001, time.monotonic() - self._began)
        rate = self.reader.requests_made / spent
        shown = {**self.run.progress, **progress, "rate": round(rate, 1)}
        pages_left = shown.pop("pages_left", None)
        shown["eta_seconds"] = round(pages_left / rate) if pages_left is not None and rate else None
        self.run.progress = shown

    def _save(self) -> None:
        run = self.run
        run.updated = self._updated_before + len(self._changed)
        run.api_requests = self._requests_before + self.reader.requests_made
        if self.ledger.is_kept:
            run.drift_count = run.gaps.count()
        run.save(update_fields=_SAVED)
