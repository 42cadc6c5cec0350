"""`import_csv sales|leads|referrers FILE [--account] [--commit]`: bring rows over from another system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.csv_rows import Unreadable
from analytics.importing.importing import import_csv
from analytics.importing.kinds import kinds
from leads.models import UserAccount
from leads.services.commands import account_argument, answer

SHOWN_ROWS = 100


class Command(BaseCommand):
    help = "Bring sales, leads or referrers over from a CSV. A dry run unless --commit is given; all rows or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(kinds()))
        parser.add_argument("file", type=Path, help="With a header row. Columns are named as in the API.")
        parser.add_argument("--account", help="UUID; may be left out where there is only one account.")
        parser.add_argument("--commit", action="store_true", help="Keep the rows.")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_argument(options["account"]) if options["account"] is not None else _only_account()
        try:
            raw = options["file"].read_bytes()
            report = import_csv(account, kinds()[options["kind"]], raw, commit=options["commit"])
        except (OSError, Unreadable) as error:
            raise CommandError(str(error)) from error
        for number, what in report.bad[:SHOWN_ROWS]:
            self.stderr.write(f"row {number}: {what}")
        answer(
            self,
            {
                "rows": report.rows,
                "created": report.created,
                "known": report.known,
                "bad": len(report.bad),
                "committed": report.committed,
            },
        )
        if report.bad:
            sys.exit(1)
        if not options["commit"]:
            self.stderr.write("A dry run: nothing was kept. Add --commit to keep the rows.")


def _only_account() -> UserAccount:
    accounts = list(UserAccount.objects.all()[:2])
    if len(accounts) != 1:
        raise CommandError("Say which account with --account.")
    return accounts[0]
