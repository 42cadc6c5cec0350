from analytics.models.referrals import (
    ConversionStatus,
    EarningKind,
    LedgerIsAppendOnly,
    MoneySettings,
    ReferralConversion,
    ReferralEarning,
    Referrer,
)
from analytics.models.rollups import (
    LeadContribution,
    LeadPath,
    LeadRollup,
    LeadStay,
    PathContribution,
    PathRollup,
    RollupState,
    SaleContribution,
    SaleRollup,
    StayContribution,
    StayRollup,
)
from analytics.models.sales import DealTelling, Routing, Sale, SaleStatus, UnknownSale
from analytics.models.snapshots import ReportSnapshot, SnapshotLine
from analytics.models.spend import AdSpend, ExchangeRate
from analytics.models.targetologists import Targetologist

__all__ = [
    "AdSpend",
    "ConversionStatus",
    "DealTelling",
    "EarningKind",
    "ExchangeRate",
    "LeadContribution",
    "LeadPath",
    "LeadRollup",
    "LeadStay",
    "LedgerIsAppendOnly",
    "MoneySettings",
    "PathContribution",
    "PathRollup",
    "ReferralConversion",
    "ReferralEarning",
    "Referrer",
    "ReportSnapshot",
    "RollupState",
    "Routing",
    "Sale",
    "SaleContribution",
    "SaleRollup",
    "SaleStatus",
    "SnapshotLine",
    "StayContribution",
    "StayRollup",
    "Targetologist",
    "UnknownSale",
]
