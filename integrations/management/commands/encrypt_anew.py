"""`encrypt_anew [--forget]`: encrypt every stored secret with the first key, so that older keys can go.

Where the keys themselves are lost, `--forget` empties what none opens, so that accounts can be connected again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import F, Model, TextField
from django.db.models.functions import Cast

from integrations.models import AmoCRMConnection, ConnectionState
from integrations.secrets import EncryptedTextField, decrypt
from leads.services.commands import answer


class Command(BaseCommand):
    help = 'Encrypt what is stored with the first of FIELD_ENCRYPTION_KEYS. Prints {"encrypted": N}, counted in rows.'

    def add_arguments(self, parser: CommandParser) -> None:
        text = "Empty what no key opens: those accounts must be connected again. Cannot be undone."
        parser.add_argument("--forget", action="store_true", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        encrypted = 0
        try:
            for model in apps.get_models():
                names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
                if names:
                    if options["forget"]:
                        forget_lost(model, names)
                    encrypted += encrypt_rows(model, names)
        except ImproperlyConfigured as error:
            raise CommandError(f"{error} Where that key is lost: --forget.") from None
        answer(self, {"encrypted": encrypted})


def forget_lost(model: type[Model], names: Sequence[str]) -> None:
    rows = model._default_manager
    for name in names:
        stored = rows.exclude(**{name: ""}).annotate(raw=Cast(F(name), TextField())).values_list("pk", "raw")
        lost = [key for key, raw in stored if not _opens(raw)]
        rows.filter(pk__in=lost).update(**{name: ""})
    connected = AmoCRMConnection.objects.filter(state=ConnectionState.CONNECTED)
    connected.filter(access_token="").update(state=ConnectionState.RECONNECT_NEEDED)


def _opens(raw: str) -> bool:
    try:
        decrypt(raw)
    except ImproperlyConfigured:
        return False
    return True


def encrypt_rows(model: type[Model], names: Sequence[str]) -> int:
    """Read and write these columns of every row. How many rows."""
    rows = model._default_manager
    keys = list(rows.values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():  # a token may be renewed at this moment
            values = rows.select_for_update().filter(pk=key).values(*names).first()
            if values is not None:
                rows.filter(pk=key).update(**values)
    return len(keys)
