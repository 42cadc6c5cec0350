"""What a report is asked: whose, which days, by what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from analytics.models import AdSpend, Sale, SaleStatus
from analytics.rollups.folding import is_folded
from analytics.rollups.ledgers import LEADS, PATHS, SALES, STAYS, Ledger
from leads.days import on_days, within_days
from leads.models import Lead, UserAccount


class GroupBy(models.TextChoices):
    CREATIVE = "creative", _("creative")
    DIRECTION = "direction", _("direction")
    CAMPAIGN = "campaign", _("campaign")
    TARGETOLOGIST = "targetologist", _("targetologist")
    REFERRER = "referrer", _("referrer")


class Basis(models.TextChoices):
    """By which day a sale counts: that on which it was sold, or that on which its lead came."""

    SALE = "sale", _("day of the sale")
    COHORT = "cohort", _("day of the lead")


@dataclass(frozen=True)
class Span:
    """An account's days from `first` to `last`, inclusive; None for an open end.

    `is_plain`: sum up the rows themselves, where otherwise the rollups answer; to compare the two.
    """

    account: UserAccount
    first: date | None = None
    last: date | None = None
    is_plain: bool = False

    def lead_lines(self) -> QuerySet[Any]:
        """What leads add up to, by their day; deleted ones to nothing."""
        return self._lines(LEADS)

    def sale_lines(self, basis: Basis) -> QuerySet[Any]:
        """What paid sales add up to. By cohort only those that have a lead: a purchase without one is of no day's."""
        return self._lines(SALES).filter(basis=basis)

    def path_lines(self) -> QuerySet[Any]:
        """In which stages leads have stood, by the lead's day."""
        return self._lines(PATHS)

    def stay_lines(self) -> QuerySet[Any]:
        """Stays in a stage that have ended, by the lead's day."""
        return self._lines(STAYS)

    def _lines(self, ledger: Ledger) -> QuerySet[Any]:
        rows = ledger.rollup if self._is_folded else ledger.contribution
        lines = rows.objects.filter(user_account=self.account).order_by()
        return within_days(lines, "at", self.account, self.first, self.last)

    @cached_property
    def _is_folded(self) -> bool:
        return not self.is_plain and is_folded(self.account)

    def leads(self, *, with_deleted: bool = False) -> QuerySet[Lead]:
        """Leads by their day."""
        rows = Lead.objects.filter(user_account=self.account).order_by()
        rows = rows if with_deleted else rows.filter(is_deleted=False)
        return within_days(rows, "lead_at", self.account, self.first, self.last)

    def sales(self, basis: Basis) -> QuerySet[Sale]:
        """Paid sales. By cohort only those that have a lead: a purchase without one is of no day's leads."""
        rows = Sale.objects.filter(user_account=self.account, status=SaleStatus.PAID).order_by()
        if basis is Basis.SALE:
            return within_days(rows, "sold_at", self.account, self.first, self.last)
        rows = rows.filter(lead__isnull=False, lead__is_deleted=False)
        return within_days(rows, "lead__lead_at", self.account, self.first, self.last)

    def spend(self) -> QuerySet[AdSpend]:
        return on_days(AdSpend.objects.filter(user_account=self.account).order_by(), self.first, self.last)
