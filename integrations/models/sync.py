"""Readings of the CRM as a whole: syncs and pipeline refreshes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.clock import shared_now
from leads.models import UserAccount


class SyncRun(models.Model):
    class Kind(models.TextChoices):
        LEADS = "leads", _("deals")
        PIPELINES = "pipelines", _("pipelines")
        HISTORY = "history", _("stage history")

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
    # Where a run that was cut short goes on, and what the next run starts from. Written with what it stands for.
    cursor = models.JSONField(default=dict, editable=False)
    is_cancelled = models.BooleanField(_("cancelled"), default=False)
    # One worker at a time: the holder's random key and when it lapses if the holder dies.
    lease_key = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    # By the clock that says when deliveries came and sales were met.
    started_at = models.DateTimeField(_("started"), default=shared_now, editable=False)
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


class SyncGap(models.Model):
    """A change that a sync found and no hook had told of. `told_at`: a hook told of it after all, later."""

    class What(models.TextChoices):
        CREATED = "created", _("new deal")
        STAGE = "stage", _("stage")
        PRICE = "price", _("price")
        DELETED = "deleted", _("deleted")
        RESTORED = "restored", _("restored")
        MERGED = "merged", _("merged")
        CONTACT = "contact", _("contact")
        UTM = "utm", _("UTM")
        NAME = "name", _("name")

    class Repair(models.TextChoices):
        READ = "read", _("the deal was read")
        EVENT = "event", _("amoCRM's event")

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="sync_gaps", verbose_name=_("account"), db_index=False
    )
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="gaps", verbose_name=_("sync"))
    amocrm_lead_id = models.BigIntegerField(_("amoCRM deal"))
    what = models.CharField(_("what"), max_length=10, choices=What.choices)
    before = models.CharField(_("before"), max_length=200, blank=True, default="")
    after = models.CharField(_("after"), max_length=200, blank=True, default="")
    changed_at = models.DateTimeField(_("changed"))
    learnt_at = models.DateTimeField(_("learnt"))
    repaired_by = models.CharField(_("repaired by"), max_length=10, choices=Repair.choices, default=Repair.READ)
    told_at = models.DateTimeField(
        _("told late"), null=True, blank=True, help_text=_("When a hook told of it after all.")
    )

    class Meta:
        db_table = "sync_gaps"
        verbose_name = _("gap")
        verbose_name_plural = _("gaps")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "amocrm_lead_id", "what", "changed_at", "after"], name="one_gap_per_change"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "changed_at"], name="sync_gaps_by_day"),
            # Asked about for each batch of hooks: small, for what was told late is out of it.
            models.Index(
                fields=["user_account", "amocrm_lead_id"],
                condition=models.Q(told_at__isnull=True),
                name="sync_gaps_untold",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()} · {self.amocrm_lead_id}"

    def stage_in(self, text: str) -> tuple[int | None, int | None]:
        """The pipeline and stage that `before` or `after` names; None twice where the change is of something else."""
        pipeline_id, _slash, status_id = text.partition("/") if self.what == self.What.STAGE else ("", "", "")
        return (int(pipeline_id), int(status_id)) if pipeline_id.isdecimal() and status_id.isdecimal() else (None, None)


class HookDay(models.Model):
    """How well the hooks did on one day of the account's time zone; renewed by each sync."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="hook_days", verbose_name=_("account"))
    day = models.DateField(_("day"))
    told = models.PositiveIntegerField(_("changes told"), default=0)
    untold = models.PositiveIntegerField(_("changes not told"), default=0)
    late = models.PositiveIntegerField(_("told after a sync had found them"), default=0)
    delay_p50 = models.FloatField(_("delay, median, s"), null=True, blank=True)
    delay_p95 = models.FloatField(_("delay, 95th percentile, s"), null=True, blank=True)

    class Meta:
        db_table = "hook_days"
        verbose_name = _("hooks by day")
        verbose_name_plural = _("hooks by day")
        ordering: ClassVar[list[str]] = ["-day"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "day"], name="one_row_per_hook_day")
        ]

    def __str__(self) -> str:
        return f"{self.day}"

    @classmethod
    def together(cls, days: models.QuerySet[HookDay]) -> HookDay:
        """Several days as one, unsaved: their changes added up, and the slowest delay."""
        sums = {name: models.Sum(name, default=0) for name in ("told", "untold", "late")}
        return cls(**days.order_by().aggregate(**sums, delay_p95=models.Max("delay_p95")))

    @property
    def loss(self) -> float | None:
        """Percent of the changes that no hook told of; None without any."""
        changes = self.told + self.untold
        return 100 * self.untold / changes if changes else None


class SyncStaged(models.Model):
    """What a run has read and needs until it has read more; gone with its end. `kind` says what `data` holds."""

    class Kind(models.TextChoices):
        CONTACT = "contact"
        """`[name, [phones as typed]]` of the contact `entity_id`."""
        LONELY = "lonely"
        """The ids of the contacts of the deal `entity_id`, of which none has shown a phone yet."""

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="staged", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    entity_id = models.BigIntegerField()
    data = models.JSONField()

    class Meta:
        db_table = "sync_staged"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "kind", "entity_id"], name="staged_once")
        ]


class SyncDue(models.Model):
    """When an account's next sync by the clock is due: the accounts' moments are spread over the window."""

    user_account = models.OneToOneField(UserAccount, models.CASCADE, primary_key=True, related_name="+")
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "sync_due"
