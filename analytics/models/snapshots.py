"""What the reports said at the end of each day, as a ledger: every snapshot appends what has changed since the last.

The lines of all snapshots up to a day add up to what was shown then; those after it say what has moved since, and when.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from leads.models import UserAccount


class ReportSnapshot(models.Model):
    """`day`: the last day, in the account's time zone, of which it could know everything that was known then."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="report_snapshots", verbose_name=_("account")
    )
    day = models.DateField(_("day"))
    taken_at = models.DateTimeField(_("taken"))
    # Of all its money. Empty: of before it was written down, so the account's.
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="", db_default="")

    class Meta:
        db_table = "report_snapshots"
        verbose_name = _("snapshot of the reports")
        verbose_name_plural = _("snapshots of the reports")
        ordering: ClassVar[list[str]] = ["-day"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "day"], name="one_snapshot_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.day}"


class SnapshotLine(models.Model):
    """By how much the sums of one creative's day differ from what the snapshots before had. Money in the
    snapshot's currency. Cohort: by the day of the lead, where the others are by the day of the sale.
    """

    user_account = models.ForeignKey(UserAccount, models.CASCADE, db_index=False, related_name="+")
    snapshot = models.ForeignKey(ReportSnapshot, models.CASCADE, related_name="lines")
    day = models.DateField()
    # No foreign key: what was shown of a creative that is gone since was shown all the same.
    creative_id = models.BigIntegerField(null=True)
    leads = models.IntegerField(default=0)
    qualified_leads = models.IntegerField(default=0)
    sales = models.IntegerField(default=0)
    revenue = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    cohort_sales = models.IntegerField(default=0)
    cohort_revenue = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    spend = models.DecimalField(max_digits=20, decimal_places=2, default=0)

    class Meta:
        db_table = "report_snapshot_lines"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "day"], name="snapshot_lines_by_day"),
        ]
