"""All stored secrets at once: encrypted anew when the keys change, emptied when the keys are lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import F, Model, TextField
from django.db.models.functions import Cast

from integrations.amocrm.tokens import mark_reconnect_needed
from integrations.models import AmoCRMConnection, ConnectionState
from integrations.secrets import EncryptedTextField, decrypt
from leads.told import told


def encrypt_all() -> int:
    """Encrypt every secret with the first of FIELD_ENCRYPTION_KEYS. How many rows.

    :raises ImproperlyConfigured: at a secret that no key opens.
    """
    return sum(_encrypt_rows(model, names) for model, names in _models_with_secrets())


def forget_lost() -> None:
    """Empty what no key opens. The accounts whose tokens these were have to be connected again."""
    for model, names in _models_with_secrets():
        for name in names:
            _forget_in_column(model, name)
    lost = AmoCRMConnection.objects.filter(state=ConnectionState.CONNECTED, access_token="")
    for pk, version in lost.values_list("pk", "token_refreshed_at"):
        mark_reconnect_needed(pk, version, told("The key that opened the token is lost. Connect again."))


def _models_with_secrets() -> Iterator[tuple[type[Model], list[str]]]:
    for model in apps.get_models():
        names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
        if names:
            yield model, names


def _forget_in_column(model: type[Model], name: str) -> None:
    rows = model._default_manager
    # Cast, so that the field does not try to open what it reads.
    stored = rows.exclude(**{name: ""}).annotate(raw=Cast(F(name), TextField())).values_list("pk", "raw")
    rows.filter(pk__in=[key for key, raw in stored if not _opens(raw)]).update(**{name: ""})


def _opens(raw: str) -> bool:
    try:
        decrypt(raw)
    except ImproperlyConfigured:
        return False
    return True


def _encrypt_rows(model: type[Model], names: Sequence[str]) -> int:
    """Read and write these columns of every row. How many rows."""
    rows = model._default_manager
    keys = list(rows.values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():  # a token may be renewed at this moment
            values = rows.select_for_update().filter(pk=key).values(*names).first()
            if values is not None:
                rows.filter(pk=key).update(**values)
    return len(keys)
