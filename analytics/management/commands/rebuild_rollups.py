"""`rebuild_rollups [--account]`: make the rollups anew from the rows. Reports are right meanwhile, only slower."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics.models import RollupState
from analytics.rollups.folding import forget, refresh
from leads.services.commands import accounts_argument, answer


class Command(BaseCommand):
    help = 'Make the daily rollups that reports read anew. Prints {"accounts"}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="UUID; left out: all accounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = accounts_argument(options["account"])
        for account in accounts:
            forget(RollupState.objects.filter(user_account=account))
            refresh(account)
        answer(self, {"accounts": len(accounts)})
