from analytics.models.referrals import (
    ConversionStatus,
    EarningKind,
    LedgerIsAppendOnly,
    MoneySettings,
    ReferralConversion,
    ReferralEarning,
    Referrer,
)
from analytics.models.rollups import LeadContribution, LeadRollup, RollupState, SaleContribution, SaleRollup
from analytics.models.sales import UTM_COLUMNS, DealTelling, Routing, Sale, SaleStatus, UnknownSale
from analytics.models.snapshots import ReportSnapshot, SnapshotLine
from analytics.models.spend import AdSpend, ExchangeRate
from analytics.models.targetologists import Targetologist

__all__ = [
    "UTM_COLUMNS",
    "AdSpend",
    "ConversionStatus",
    "DealTelling",
    "EarningKind",
    "ExchangeRate",
    "LeadContribution",
    "LeadRollup",
    "LedgerIsAppendOnly",
    "MoneySettings",
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
    "Targetologist",
    "UnknownSale",
]
