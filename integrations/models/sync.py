"""Readings of the CRM as a whole: syncs and pipeline refreshes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models import UserAccount


class SyncRun(models.Model):
    class Kind(models.TextChoices):
        LEADS = "leads", _("deals")
        PIPELINES = "pipelines", _("pipelines")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="sync_runs", verbose_name=_("account"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.LEADS)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    is_full = models.BooleanField(_("full"), default=False)
    total = models.PositiveIntegerField(_("deals read"), default=0)
    updated = models.PositiveIntegerField(_("leads changed"), default=0)
    errors = models.PositiveIntegerField(_("deals that failed"), default=0)
    drift_count = models.PositiveIntegerField(_("changes no hook had told of"), default=0)
    api_requests = models.PositiveIntegerField(_("API requests"), default=0)
    progress = models.JSONField(_("progress"), default=dict, blank=True)
    detail = models.TextField(_("in words"), blank=True, default="")
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        db_table = "sync_runs"
        verbose_name = _("sync")
        verbose_name_plural = _("syncs")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "kind"], condition=models.Q(state="running"), name="one_running_sync"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"
