"""Daily rollups: ledgers whose lines add up to what the rows of leads and sales would give.

What one lead or sale adds to the reports is said by a view (`…Contribution`). Triggers of the database append to the
ledger (`…Rollup`) what a change takes away and what it adds, so that the sum is right at any moment and after any way
of writing. Folding then makes one line of each day's lines with the same keys: `analytics.rollups`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from leads.models import Creative, Direction, UserAccount

# Without constraints: a line may be about what has just been deleted, and takes it away again.
_LOOSELY: dict[str, Any] = {"db_constraint": False, "db_index": False, "related_name": "+"}


class _Line(models.Model):
    """`at`: a moment of the day to which the line belongs; of folded lines the day's beginning."""

    user_account = models.ForeignKey(UserAccount, models.DO_NOTHING, **_LOOSELY)
    at = models.DateTimeField()

    class Meta:
        abstract = True


class _AdLine(_Line):
    creative = models.ForeignKey(Creative, models.DO_NOTHING, null=True, **_LOOSELY)
    direction = models.ForeignKey(Direction, models.DO_NOTHING, null=True, **_LOOSELY)

    class Meta:
        abstract = True


class _LeadLine(_AdLine):
    utm_source = models.CharField(max_length=500)
    utm_campaign = models.CharField(max_length=500)
    leads = models.IntegerField()
    qualified = models.IntegerField()

    class Meta:
        abstract = True


class _SaleLine(_AdLine):
    """Every sale has a line by the day of the sale and, if it has a lead, one by the day of its lead."""

    basis = models.CharField(max_length=6)
    utm_campaign = models.CharField(max_length=500)
    targetologist_id = models.BigIntegerField(null=True)
    referrer_id = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3)
    # Foreign money is converted at the rate of the day of its sale; of loose lines only the moment is known.
    rate_at = models.DateTimeField(null=True)
    rate_on = models.DateField(null=True)
    sales = models.IntegerField()
    amount = models.DecimalField(max_digits=20, decimal_places=2)

    class Meta:
        abstract = True


class LeadContribution(_LeadLine):
    lead_id = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "lead_contributions"


class SaleContribution(_SaleLine):
    sale_id = models.BigIntegerField(primary_key=True)
    lead_id = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "sale_contributions"


class LeadRollup(_LeadLine):
    is_folded = models.BooleanField(default=False)

    class Meta:
        db_table = "rollup_leads"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "at"], name="rollup_leads_by_day"),
            models.Index(fields=["user_account", "at"], condition=models.Q(is_folded=False), name="rollup_leads_loose"),
        ]


class SaleRollup(_SaleLine):
    is_folded = models.BooleanField(default=False)

    class Meta:
        db_table = "rollup_sales"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "basis", "at"], name="rollup_sales_by_day"),
            models.Index(fields=["user_account", "at"], condition=models.Q(is_folded=False), name="rollup_sales_loose"),
        ]


class _PathLine(_Line):
    """Leads that have stood in the same stages of a pipeline."""

    pipeline_id = models.BigIntegerField()
    # Status ids with commas between them, in their order. Which of them is the furthest is the pipeline's to say.
    stood = models.TextField()
    now_status_id = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class _StayLine(_Line):
    """Stays in a stage that have ended."""

    pipeline_id = models.BigIntegerField()
    status_id = models.BigIntegerField()
    seconds = models.BigIntegerField()

    class Meta:
        abstract = True


class LeadPath(_PathLine):
    """What was last counted of a lead in a pipeline: taken back when the lead is counted anew."""

    lead_id = models.BigIntegerField(db_index=True)
    leads = models.IntegerField(default=1)

    class Meta:
        db_table = "lead_paths"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user_account", "at"], name="lead_paths_by_day")]


class LeadStay(_StayLine):
    """What was last counted of a lead's stays."""

    lead_id = models.BigIntegerField(db_index=True)
    stays = models.IntegerField(default=1)

    class Meta:
        db_table = "lead_stays"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user_account", "at"], name="lead_stays_by_day")]


class PathContribution(_PathLine):
    lead_id = models.BigIntegerField(primary_key=True)
    leads = models.IntegerField()

    class Meta:
        managed = False
        db_table = "path_contributions"


class StayContribution(_StayLine):
    lead_id = models.BigIntegerField(primary_key=True)
    stays = models.IntegerField()

    class Meta:
        managed = False
        db_table = "stay_contributions"


class PathRollup(_PathLine):
    leads = models.IntegerField()
    is_folded = models.BooleanField(default=False)

    class Meta:
        db_table = "rollup_paths"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "pipeline_id", "at"], name="rollup_paths_by_day"),
            models.Index(fields=["user_account", "at"], condition=models.Q(is_folded=False), name="rollup_paths_loose"),
        ]


class StayRollup(_StayLine):
    stays = models.IntegerField()
    is_folded = models.BooleanField(default=False)

    class Meta:
        db_table = "rollup_stays"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_account", "pipeline_id", "at"], name="rollup_stays_by_day"),
            models.Index(fields=["user_account", "at"], condition=models.Q(is_folded=False), name="rollup_stays_loose"),
        ]


class RollupState(models.Model):
    """For which time zone and currency an account's lines are folded; for another they say nothing.

    `lease`: held by the worker that folds them.
    """

    user_account = models.OneToOneField(UserAccount, models.CASCADE, primary_key=True, related_name="+")
    timezone = models.CharField(max_length=64, default="")
    currency = models.CharField(max_length=3, default="")
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "rollup_states"
