"""What people asked to be done with their data, and the phones that were erased."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models.accounts import User, UserAccount


class PersonRequest(models.Model):
    """That somebody's data were handed out or erased: who did it, when, and how much. Never whose they were."""

    class Kind(models.TextChoices):
        EXPORT = "export", _("handed out")
        ERASURE = "erasure", _("erased")

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="person_requests", verbose_name=_("account")
    )
    kind = models.CharField(_("what was done"), max_length=10, choices=Kind.choices)
    pseudonym = models.CharField(
        _("pseudonym"), max_length=20, help_text=_("Stands for the phone that was asked for. It cannot be turned back.")
    )
    done_by = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("done by"),
        help_text=_("Empty: by a command on the server."),
    )
    counts = models.JSONField(_("how much"), default=dict)
    created_at = models.DateTimeField(_("done"), auto_now_add=True)

    class Meta:
        db_table = "person_requests"
        verbose_name = _("request about a person's data")
        verbose_name_plural = _("requests about people's data")
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.pseudonym}"


class ErasedPhone(models.Model):
    """A phone that news from the CRM must not bring back. Deleted when somebody enters the phone here anew."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+")
    pseudonym = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "erased_phones"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "pseudonym"], name="one_row_per_erased_phone")
        ]
