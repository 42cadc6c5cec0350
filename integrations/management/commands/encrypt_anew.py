"""`encrypt_anew [--forget]`: encrypt every stored secret with the first key, so that older keys can go.

Where the keys themselves are lost, `--forget` empties what none opens, so that accounts can be connected again.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.rekeying import encrypt_all, forget_lost
from leads.services.commands import answer


class Command(BaseCommand):
    help = 'Encrypt what is stored with the first of FIELD_ENCRYPTION_KEYS. Prints {"encrypted": N}, counted in rows.'

    def add_arguments(self, parser: CommandParser) -> None:
        text = "Empty what no key opens: those accounts must be connected again. Cannot be undone."
        parser.add_argument("--forget", action="store_true", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["forget"]:
            forget_lost()
        try:
            encrypted = encrypt_all()
        except ImproperlyConfigured as error:
            raise CommandError(f"{error} Where that key is lost: --forget.") from None
        answer(self, {"encrypted": encrypted})
