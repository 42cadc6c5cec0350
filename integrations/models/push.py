"""Leads on their way to amoCRM: one row per lead that is to become a deal there."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models import Lead, PushState, UserAccount


class LeadPush(models.Model):
    """The queue of pushes; `leads.push_state` shows its state.

    `sent_at` is committed before the request leaves and stays until amoCRM has said what became of it: a row that has
    it is looked for at amoCRM before it is sent (again).
    """

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="lead_pushes", verbose_name=_("account"), db_index=False
    )
    lead = models.OneToOneField(Lead, models.CASCADE, related_name="push", verbose_name=_("lead"))
    state = models.CharField(_("state"), max_length=10, choices=PushState.choices, default=PushState.PENDING)
    amocrm_lead_id = models.BigIntegerField(_("amoCRM deal"), null=True, blank=True)
    detail = models.TextField(_("in words"), blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # When a request without an answer has certainly been worked off by amoCRM, or never will be.
    settles_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_key = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("queued"), auto_now_add=True)

    class Meta:
        db_table = "lead_pushes"
        verbose_name = _("lead sent to amoCRM")
        verbose_name_plural = _("leads sent to amoCRM")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["user_account", "id"], condition=models.Q(state="pending"), name="lead_pushes_waiting"
            ),
            models.Index(fields=["user_account", "-id"], name="lead_pushes_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.lead} · {self.get_state_display()}"


class PushSettings(models.Model):
    """What an account wants written into its amoCRM. An account without a row has the defaults."""

    user_account = models.OneToOneField(
        UserAccount, models.CASCADE, related_name="push_settings", verbose_name=_("account")
    )
    qualified_tag = models.CharField(
        _("tag of qualified deals"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("Put onto a deal in amoCRM when it becomes qualified. Empty: nothing is written."),
    )

    class Meta:
        db_table = "push_settings"
        verbose_name = _("what is written into amoCRM")
        verbose_name_plural = _("what is written into amoCRM")

    def __str__(self) -> str:
        return str(self.user_account)


class DealTag(models.Model):
    """A tag that a deal is to get. Putting it on twice changes nothing, so no row needs a lease."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+", db_index=False)
    amocrm_lead_id = models.BigIntegerField()
    tag = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=PushState.choices, default=PushState.PENDING)
    detail = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "amocrm_deal_tags"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "amocrm_lead_id", "tag"], name="one_tag_per_deal")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "id"], condition=models.Q(state="pending"), name="deal_tags_waiting")
        ]
