"""`replay_webhooks [--account] [--from] [--to] [--status]`: put deliveries back into the queue."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from kombu.exceptions import OperationalError

from integrations.models import ProcessingStatus, WebhookLog
from integrations.received import SLACK, received_between
from integrations.replay import replay
from integrations.tasks import drain_account
from leads.models import UserAccount
from leads.services.commands import accounts_argument, answer


class Command(BaseCommand):
    help = 'Put deliveries back into the queue. Prints {"replayed": N}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's UUID; without it, all accounts.")
        moment = "a day (inclusive, in the account's zone; UTC without --account) or an ISO 8601 moment"
        parser.add_argument("--from", dest="first", help=f"Received from: {moment}.")
        parser.add_argument("--to", dest="last", help=f"Received until: {moment}.")
        parser.add_argument("--status", choices=ProcessingStatus.values, help="Only those that ended so.")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = accounts_argument(options["account"])
        zone = UTC if options["account"] is None else accounts[0].zone
        first, end = _moment(options["first"], zone), _moment(options["last"], zone, days_after=1)
        if first and end and end <= first:
            raise CommandError("Nothing lies between --from and --to.")
        answer(self, {"replayed": sum(_replay(account, first, end, options["status"]) for account in accounts)})


def _replay(account: UserAccount, first: datetime | None, end: datetime | None, status: str | None) -> int:
    """Of one account, whose deliveries are numbered in the order in which they came. How many."""
    theirs = WebhookLog.objects.filter(user_account=account)
    deliveries = received_between(theirs, first, end, among=theirs)
    return replay(deliveries.filter(processing_status=status) if status else deliveries, wake=_wake)


def _wake(account_id: UUID) -> None:
    # Not by the doorbell: its thread would end with this process, before it rings. And where the broker is stopped,
    # the sweep finds the deliveries within a minute.
    with contextlib.suppress(OperationalError, OSError):
        drain_account.apply_async(args=(str(account_id),), retry=False)


def _moment(text: str | None, zone: tzinfo, days_after: int = 0) -> datetime | None:
    """A day's midnight (`days_after` days later), or the moment as given; in UTC. None where none was given.

    :raises CommandError: it is neither.
    """
    if text is None:
        return None
    try:
        moment = _read(text, days_after)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        _ = moment - SLACK, moment + SLACK  # as far as will be searched
        return moment
    except (ValueError, OverflowError):
        raise CommandError(f"“{text}” is no day or time. Use 2026-03-31 or 2026-03-31T10:00:00+05:00.") from None


def _read(text: str, days_after: int) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
    return datetime.combine(day + timedelta(days=days_after), time.min)
