"""`pull_meta [--account] [--from] [--to]`: read spend from Meta now."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.meta.pull import Days, work
from integrations.models import MetaAdAccount, MetaPull
from leads.services.commands import account_argument, answer
from leads.told import retold

WITHOUT_END = 86_400.0


class Command(BaseCommand):
    help = "Read spend from Meta. Prints a line of JSON for each ad account; exit code 1 when one could not be read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's UUID; without it, all accounts.")
        parser.add_argument("--from", dest="first", type=_day, help="The first day, in the ad account's time zone.")
        parser.add_argument("--to", dest="last", type=_day, help="The last day; today without it. Needs --from.")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"]
        if last and (first is None or last < first):
            raise CommandError("--to needs a --from that is no later.")
        days = (first, last or date.max) if first else None
        ad_accounts = MetaAdAccount.objects.filter(is_active=True)
        if options["account"] is not None:
            ad_accounts = ad_accounts.filter(user_account=account_argument(options["account"]))
        failed = [ad_account.act_id for ad_account in ad_accounts if not self._pull(ad_account, days)]
        if failed:
            raise CommandError(f"Not read: {', '.join(failed)}.")

    def _pull(self, ad_account: MetaAdAccount, days: Days | None) -> bool:
        pull = work(ad_account.pk, seconds=WITHOUT_END, days=days)
        if pull is None:
            answer(self, {"ad_account": ad_account.act_id, "detail": "A worker is reading it now."})
            return False
        answer(self, _shown(ad_account, pull))
        return pull.state == MetaPull.State.DONE


def _shown(ad_account: MetaAdAccount, pull: MetaPull) -> dict[str, object]:
    numbers = ("rows", "created", "updated", "removed", "api_requests")
    return {
        "ad_account": ad_account.act_id,
        "state": pull.state,
        "from": pull.since,
        "to": pull.until,
        **{name: getattr(pull, name) for name in numbers},
        "detail": "" if pull.state == MetaPull.State.DONE else retold(pull.detail),
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is no day such as 2026-03-31") from None
