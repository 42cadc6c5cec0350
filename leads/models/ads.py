"""What money was spent on: directions and the creatives in them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models.accounts import UserAccount


class Direction(models.Model):
    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="directions", verbose_name=_("account"))
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "directions"
        verbose_name = _("direction")
        verbose_name_plural = _("directions")
        ordering: ClassVar[list[str]] = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Creative(models.Model):
    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="creatives", verbose_name=_("account"))
    direction = models.ForeignKey(
        Direction, models.SET_NULL, related_name="creatives", null=True, blank=True, verbose_name=_("direction")
    )
    external_ad_id = models.CharField(
        _("external ad id"),
        max_length=200,
        blank=True,
        default="",
        db_index=True,
        help_text=_("The ad's id in the ad network; utm_content of a deal is compared with it."),
    )
    name = models.CharField(_("name"), max_length=300)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "creatives"
        verbose_name = _("creative")
        verbose_name_plural = _("creatives")
        ordering: ClassVar[list[str]] = ["name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "external_ad_id"],
                condition=~models.Q(external_ad_id=""),
                name="one_creative_per_external_ad_id",
                violation_error_message=_("Another creative has this external ad id already."),
            )
        ]

    def __str__(self) -> str:
        return self.name
