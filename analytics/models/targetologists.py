"""Media buyers, and the UTM patterns by which a deal is known to be theirs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from leads.models import UserAccount


class Targetologist(models.Model):
    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="targetologists", verbose_name=_("account")
    )
    name = models.CharField(_("name"), max_length=100)
    emoji = models.CharField(_("emoji"), max_length=16, blank=True, default="")
    patterns = models.JSONField(
        _("UTM patterns"),
        default=list,
        blank=True,
        help_text=_("Substrings, any case, searched in utm_campaign and then in utm_source, in this order."),
    )
    telegram_chat_id = models.CharField(_("Telegram chat"), max_length=64, blank=True, default="")
    position = models.PositiveIntegerField(
        _("order"), default=0, help_text=_("Patterns are tried from the lowest order up; the first hit wins.")
    )

    class Meta:
        db_table = "targetologists"
        verbose_name = _("targetologist")
        verbose_name_plural = _("targetologists")
        ordering: ClassVar[list[str]] = ["position", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "name"],
                name="one_targetologist_per_name",
                violation_error_message=_("Another targetologist has this name already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.emoji}".strip()


def after_all_others(account: UserAccount) -> int:
    """The position of a targetologist who takes no sale that would have been somebody's."""
    last = Targetologist.objects.filter(user_account=account).aggregate(last=Max("position"))["last"]
    return (last or 0) + 1
