"""`encrypt_anew`: encrypt every stored secret with the first of FIELD_ENCRYPTION_KEYS, so that older keys can go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Model

from integrations.secrets import EncryptedTextField
from leads.services.commands import answer


class Command(BaseCommand):
    help = 'Encrypt what is stored with the first of FIELD_ENCRYPTION_KEYS. Prints {"encrypted": N}, counted in rows.'

    def handle(self, *args: Any, **options: Any) -> None:
        encrypted = 0
        for model in apps.get_models():
            names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
            if names:
                encrypted += encrypt_rows(model, names)
        answer(self, {"encrypted": encrypted})


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
