"""The ledgers: which view says what a row contributes, and which lines with the same keys are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BigIntegerField, Case, DateField, F, FloatField, Model, QuerySet, Sum, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Exp, Ln, Round, TruncDate

from analytics.models.rollups import (
    LeadContribution,
    LeadPath,
    LeadRollup,
    LeadStay,
    PathContribution,
    PathRollup,
    SaleContribution,
    SaleRollup,
    StayContribution,
    StayRollup,
)
from analytics.models.sales import Sale
from analytics.rollups.paths import paths_of, stays_of
from leads.models import Lead, UserAccount

LEAD_CONTRIBUTIONS = """
SELECT
    leads.id AS lead_id, leads.user_account_id, leads.lead_at AS at, leads.creative_id, leads.direction_id,
    leads.utm_source, leads.utm_campaign, 1 AS leads, CASE WHEN leads.is_qualified THEN 1 ELSE 0 END AS qualified
FROM leads
WHERE NOT leads.is_deleted
"""

# A conversion whose sale came by a code no more keeps its referrer, for the record.
_SALE = """
    sales.utm_campaign, sales.targetologist_id,
    CASE WHEN conversions.status IN ('active', 'self_referral') THEN conversions.referrer_id END AS referrer_id,
    sales.currency, sales.sold_at AS rate_at, CAST(NULL AS date) AS rate_on, 1 AS sales, sales.amount
"""
SALE_CONTRIBUTIONS = f"""
SELECT
    sales.id AS sale_id, sales.lead_id, sales.user_account_id, 'sale' AS basis, sales.sold_at AS at,
    leads.creative_id, leads.direction_id, {_SALE}
FROM sales
LEFT JOIN leads ON leads.id = sales.lead_id
LEFT JOIN referral_conversions AS conversions ON conversions.sale_id = sales.id
WHERE sales.status = 'paid'
UNION ALL
SELECT
    sales.id, sales.lead_id, sales.user_account_id, 'cohort', leads.lead_at,
    leads.creative_id, leads.direction_id, {_SALE}
FROM sales
JOIN leads ON leads.id = sales.lead_id
LEFT JOIN referral_conversions AS conversions ON conversions.sale_id = sales.id
WHERE sales.status = 'paid' AND NOT leads.is_deleted
"""  # noqa: S608 - constants


def views(vendor: str) -> dict[str, str]:
    return {
        "lead_contributions": LEAD_CONTRIBUTIONS,
        "sale_contributions": SALE_CONTRIBUTIONS,
        "path_contributions": paths_of(vendor, "IS NOT NULL"),
        "stay_contributions": stays_of(vendor, "IS NOT NULL"),
    }


Lines = QuerySet[Any, Any]


@dataclass(frozen=True, slots=True)
class Counting:
    """How what a lead contributes is counted, and where it is kept as it was counted. `sql`: by vendor, and SQL that
    picks leads by their ids."""

    kept: Any
    sql: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Ledger:
    """`keys`: columns by which lines are told apart, besides their day. `sums`: columns that add up.

    `dates`: the tables and columns from which its lines have their moments, each with an index of the account's. A view
    over several has none.
    `blurred`: further keys, and what folding makes of them, given the account and the lines of its day.
    """

    contribution: Any
    rollup: Any
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    dates: tuple[tuple[Any, str], ...]
    blurred: Mapping[str, Callable[[UserAccount, Lines], Combinable]] = field(default_factory=dict)
    counting: Counting | None = None

    @property
    def counted(self) -> Any:
        """Whose rows are summed up when lines are made anew."""
        return self.counting.kept if self.counting else self.contribution

    @property
    def view(self) -> str:
        return table_of(self.contribution)

    @property
    def table(self) -> str:
        return table_of(self.rollup)


def table_of(model: type[Model]) -> str:
    return model._meta.db_table


def day_of_rate(account: UserAccount, _lines: Lines) -> Combinable:
    """Days matter to rates of exchange alone, so only foreign money is kept apart by them."""
    day = Coalesce("rate_on", TruncDate("rate_at", tzinfo=account.zone))
    return Case(When(currency=account.currency, then=None), default=day, output_field=DateField())


def rounded_stay(_account: UserAccount, lines: Lines) -> Combinable:
    """To within one percent, on days with so many stays that it shows in no median. Below 100 seconds there is nothing
    to round."""
    stays = lines.aggregate(stays=Sum("stays"))["stays"] or 0
    if stays <= EXACT_STAYS:
        return F("seconds")
    step = Round(Ln(Cast("seconds", FloatField())) * STEPS_PER_E) / STEPS_PER_E
    return Case(When(seconds__lt=100, then=F("seconds")), default=Cast(Round(Exp(step)), BigIntegerField()))


EXACT_STAYS = 1000
STEPS_PER_E = 50.0

LEADS = Ledger(
    LeadContribution,
    LeadRollup,
    ("user_account_id", "creative_id", "direction_id", "utm_source", "utm_campaign"),
    ("leads", "qualified"),
    dates=((Lead, "lead_at"),),
)
SALES = Ledger(
    SaleContribution,
    SaleRollup,
    (
        *("user_account_id", "basis", "creative_id", "direction_id"),
        *("utm_campaign", "targetologist_id", "referrer_id", "currency"),
    ),
    ("sales", "amount"),
    dates=((Sale, "sold_at"), (Lead, "lead_at")),
    blurred={"rate_on": day_of_rate},
)
PATHS = Ledger(
    PathContribution,
    PathRollup,
    ("user_account_id", "pipeline_id", "stood", "now_status_id"),
    ("leads",),
    dates=((LeadPath, "at"), (Lead, "lead_at")),
    counting=Counting(LeadPath, paths_of),
)
STAYS = Ledger(
    StayContribution,
    StayRollup,
    ("user_account_id", "pipeline_id", "status_id"),
    ("stays",),
    dates=((LeadStay, "at"), (Lead, "lead_at")),
    blurred={"seconds": rounded_stay},
    counting=Counting(LeadStay, stays_of),
)
LEDGERS = (LEADS, SALES, PATHS, STAYS)
