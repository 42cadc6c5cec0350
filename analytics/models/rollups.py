"""Daily rollups: ledgers whose lines add up to what the rows of leads and sales would give.

What one lead or sale adds to the reports is said by a view (`…Contribution`). Triggers of the database append to the
ledger (`…Rollup`) what a change takes away and what it adds, so that the sum is right at any moment and after any way
of writing. Folding then makes one line of each day's lines with the same keys: `analytics.rollups`.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from leads.models import Creative, Direction, UserAccount


class _Line(models.Model):
    """`at`: a moment of the day to which the line belongs; of folded lines the day's beginning."""

    # No constraints, here and below: a line may be about what has just been deleted, and takes it away again.
    user_account = models.ForeignKey(
        UserAccount, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    at = models.DateTimeField()
    creative = models.ForeignKey(
        Creative, models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    direction = models.ForeignKey(
        Direction, models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )

    class Meta:
        abstract = True


class _LeadLine(_Line):
    utm_source = models.CharField(max_length=500)
    utm_campaign = models.CharField(max_length=500)
    leads = models.IntegerField()
    qualified = models.IntegerField()

    class Meta:
        abstract = True


class _SaleLine(_Line):
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


class RollupState(models.Model):
    """For which time zone and currency an account's lines are folded; for another they say nothing.

    `lease`: whoever is at work on them.
    """

    user_account = models.OneToOneField(UserAccount, models.CASCADE, primary_key=True, related_name="+")
    timezone = models.CharField(max_length=64, default="")
    currency = models.CharField(max_length=3, default="")
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "rollup_states"
