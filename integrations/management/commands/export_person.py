"""`export_person ACCOUNT PHONE`: all that is known of a person, as JSON."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.people.export import as_json, export_person
from leads.services.commands import account_argument, one_line_errors


class Command(BaseCommand):
    help = "Print all that is known of the person with this phone, in any spelling, as one JSON document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="The account's UUID.")
        parser.add_argument("phone", help="In any spelling: “8 701 123 45 67”.")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_argument(options["account"])
        with one_line_errors():
            _request, document = export_person(account, options["phone"], by=None)
        self.stdout.write(as_json(document))
