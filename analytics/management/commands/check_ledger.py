"""`check_ledger [--account]`: compute the ledger anew from the sales. Exit code 1 where the books say otherwise."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics.earning.checking import check_ledger
from leads.models import UserAccount
from leads.services.commands import account_argument, answer


class Command(BaseCommand):
    help = 'Compare the ledger of commissions with the sales. Prints {"accounts", "differences"}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="UUID; left out: all accounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = [account_argument(options["account"])] if options["account"] else list(UserAccount.objects.all())
        differences = 0
        for account in accounts:
            for difference in check_ledger(account):
                differences += 1
                self.stderr.write(f"{account}: sale {difference.sale_id}: {difference.what}")
        answer(self, {"accounts": len(accounts), "differences": differences})
        if differences:
            sys.exit(1)
