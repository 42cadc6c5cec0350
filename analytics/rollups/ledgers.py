"""The ledgers: which view says what a row contributes, and which lines with the same keys are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from analytics.models.rollups import LeadContribution, LeadRollup, SaleContribution, SaleRollup

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

VIEWS = {"lead_contributions": LEAD_CONTRIBUTIONS, "sale_contributions": SALE_CONTRIBUTIONS}


@dataclass(frozen=True, slots=True)
class Ledger:
    """`keys`: columns by which lines are told apart, besides their day and that of their rate. `sums`: what adds up."""

    contribution: Any
    rollup: Any
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    has_rate: bool = False

    @property
    def view(self) -> str:
        return _table(self.contribution)

    @property
    def table(self) -> str:
        return _table(self.rollup)


def _table(model: type[Model]) -> str:
    return model._meta.db_table


LEADS = Ledger(
    LeadContribution,
    LeadRollup,
    ("user_account_id", "creative_id", "direction_id", "utm_source", "utm_campaign"),
    ("leads", "qualified"),
)
SALES = Ledger(
    SaleContribution,
    SaleRollup,
    (
        *("user_account_id", "basis", "creative_id", "direction_id"),
        *("utm_campaign", "targetologist_id", "referrer_id", "currency"),
    ),
    ("sales", "amount"),
    has_rate=True,
)
LEDGERS = (LEADS, SALES)
