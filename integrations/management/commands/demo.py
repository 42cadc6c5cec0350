"""`demo`: what `make run` shows a newcomer: an account with a login and a generated year, ready to be connected.

Running it again changes nothing and prints the same login. `demo --remove` takes the generated data away; the account,
and what has come into it since, stay.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from integrations.demo.account import EMAIL, demo_accounts, demo_make
from integrations.demo.remove import year_remove


class Command(BaseCommand):
    help = "Make the demo account of `make run`, unless it is there, and print how to log in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--remove", action="store_true", help="Take the generated data away; the account stays.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove"]:
            leads = sum(year_remove(account) for account in demo_accounts())
            self.stdout.write(f"Demo: {leads} generated leads and all that belonged to them are gone.")
            return
        password = demo_make()
        self.stdout.write(f"Demo: open {settings.APP_URL}/app/ and log in as {EMAIL} with the password {password}")
