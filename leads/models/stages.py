"""Pipelines' stages, what was told of a deal's stage, and the history that follows from it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from leads.models.accounts import UserAccount
from leads.models.leads import Lead


class PipelineStage(models.Model):
    """A stage as amoCRM reports it. 142 (won) and 143 (lost) stand in every pipeline."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="pipeline_stages", verbose_name=_("account")
    )
    pipeline_id = models.BigIntegerField(_("pipeline id"))
    pipeline_name = models.CharField(_("pipeline"), max_length=300, blank=True, default="")
    pipeline_sort = models.IntegerField(default=0)
    status_id = models.BigIntegerField(_("stage id"))
    status_name = models.CharField(_("stage"), max_length=300, blank=True, default="")
    status_color = models.CharField(_("colour"), max_length=20, blank=True, default="")
    sort_order = models.IntegerField(_("order"), default=0)
    is_qualified_stage = models.BooleanField(
        _("qualified"),
        default=False,
        help_text=_("A lead that has ever stood in this stage counts as qualified."),
    )
    is_archived = models.BooleanField(
        _("archived"), default=False, help_text=_("amoCRM no longer reports this stage; history keeps it.")
    )

    class Meta:
        db_table = "amocrm_pipeline_stages"
        verbose_name = _("pipeline stage")
        verbose_name_plural = _("pipeline stages")
        ordering: ClassVar[list[str]] = ["pipeline_sort", "pipeline_id", "sort_order", "status_id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "pipeline_id", "status_id"], name="one_row_per_stage")
        ]

    def __str__(self) -> str:
        return f"{self.pipeline_name} · {self.status_name}"


class StageNews(models.Model):
    """One telling of a deal's stage at a moment. History is what remains when equal neighbours are merged; the
    merged ones are kept here, because later news may come to stand between them."""

    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+", db_index=False)
    amocrm_lead_id = models.BigIntegerField()
    pipeline_id = models.BigIntegerField()
    status_id = models.BigIntegerField()
    at = models.DateTimeField()
    # Set when the CRM itself was read: among news of one second, the last reading is the present.
    read_at = models.DateTimeField(null=True)
    evidence = models.JSONField(default=dict)

    class Meta:
        db_table = "amocrm_stage_news"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "amocrm_lead_id", "at", "pipeline_id", "status_id"], name="one_telling"
            )
        ]


class LeadStatusHistory(models.Model):
    """The stages a deal went through, in the order in which it did."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="status_history", verbose_name=_("account"), db_index=False
    )
    lead = models.ForeignKey(
        Lead, models.CASCADE, related_name="status_history", verbose_name=_("lead"), db_index=False
    )
    amocrm_lead_id = models.BigIntegerField(_("amoCRM deal"))
    from_pipeline_id = models.BigIntegerField(_("from pipeline"), null=True, blank=True)
    from_status_id = models.BigIntegerField(_("from stage"), null=True, blank=True)
    to_pipeline_id = models.BigIntegerField(_("to pipeline"))
    to_status_id = models.BigIntegerField(_("to stage"))
    changed_at = models.DateTimeField(_("changed"))
    # amoCRM's clock has whole seconds: the place of this change among those of its second.
    tie = models.PositiveSmallIntegerField(default=0, editable=False)
    webhook_data = models.JSONField(
        _("told by"), default=dict, help_text=_("The delivery, sync or event that told of this stage.")
    )
    learnt_at = models.DateTimeField(_("learnt"), auto_now_add=True, db_default=Now())

    class Meta:
        db_table = "amocrm_lead_status_history"
        verbose_name = _("stage change")
        verbose_name_plural = _("stage history")
        ordering: ClassVar[list[str]] = ["changed_at", "tie", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user_account", "amocrm_lead_id", "changed_at", "to_pipeline_id", "to_status_id"],
                name="one_change_per_moment",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["lead", "changed_at"], name="history_of_lead"),
            models.Index(fields=["user_account", "to_pipeline_id", "to_status_id"], name="history_by_stage"),
            models.Index(fields=["user_account", "learnt_at"], name="history_by_learning"),
        ]

    def __str__(self) -> str:
        return f"{self.amocrm_lead_id}: {self.from_status_id or '—'} → {self.to_status_id}"
