"""Secrets at rest: a text column whose value is encrypted with the first key of FIELD_ENCRYPTION_KEYS.

Any of the keys decrypts, so that keys rotate: put the new one first, re-save, drop the old one. A value that no key
opens raises, rather than passing ciphertext on as if it were a token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField


class NoKeyFits(ImproperlyConfigured):
    """No key of FIELD_ENCRYPTION_KEYS opens what is stored."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(value: str) -> str:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(value.encode()).decode()


def decrypt(value: str) -> str:
    """:raises NoKeyFits: the value was saved with another key."""
    try:
        return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(value.encode()).decode()
    except InvalidToken:
        raise NoKeyFits(
            "A stored secret cannot be opened with any key of FIELD_ENCRYPTION_KEYS: add the key it was saved with."
        ) from None


class EncryptedTextField(_Text):
    """Text that the database holds encrypted. The empty string stays empty, so that "has no token" can be queried."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        return decrypt(value) if value else value
