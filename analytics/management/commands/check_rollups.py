"""`check_rollups [--account]`: compare the rollups with the rows. Exit code 1 where they say something else."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics.rollups.checking import check_rollups
from analytics.rollups.folding import is_folded
from leads.models import UserAccount
from leads.services.commands import account_argument, answer


class Command(BaseCommand):
    help = 'Compare what reports read with the rows. Prints {"accounts", "folded", "differences"}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="UUID; left out: all accounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = [account_argument(options["account"])] if options["account"] else list(UserAccount.objects.all())
        differences = 0
        for account in accounts:
            for difference in check_rollups(account):
                differences += 1
                self.stderr.write(f"{account}: {difference}")
        folded = sum(map(is_folded, accounts))
        answer(self, {"accounts": len(accounts), "folded": folded, "differences": differences})
        if differences:
            sys.exit(1)
