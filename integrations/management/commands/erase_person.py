"""`erase_person ACCOUNT PHONE`: forget a person. What was sold and counted stays, under a pseudonym."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.people.erasing import erase_person
from leads.services.commands import account_argument, answer, one_line_errors


class Command(BaseCommand):
    help = 'Forget the person with this phone, in any spelling. Cannot be undone. Prints {"pseudonym", "leads", …}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="The account's UUID.")
        parser.add_argument("phone", help="In any spelling: “8 701 123 45 67”.")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_argument(options["account"])
        with one_line_errors():
            request = erase_person(account, options["phone"], by=None)
        answer(self, {"pseudonym": request.pseudonym, **request.counts})
