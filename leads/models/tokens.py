"""API tokens: what programs sign in with. The database knows a token only by its digest."""

from __future__ import annotations

import hashlib
import secrets
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models.accounts import User

HINT_LENGTH = 4


def digest(secret: str) -> str:
    """SHA-256 in hex. No salt and no stretching: the secret is random, so there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiToken(models.Model):
    """`Authorization: Token …` of one person, who may have several."""

    # The digest, by the name that the framework's TokenAuthentication looks for.
    key = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=HINT_LENGTH, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens", verbose_name=_("user"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "api_tokens"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.hint}… · {self.user}"

    def make(self) -> str:
        """Give this row a token, which is returned, to be shown once. The row still has to be saved."""
        token = secrets.token_hex(20)
        self.key, self.hint = digest(token), token[:HINT_LENGTH]
        return token
