from analytics.models.referrals import (
    ConversionStatus,
    EarningKind,
    LedgerIsAppendOnly,
    MoneySettings,
    ReferralConversion,
    ReferralEarning,
    Referrer,
)
from analytics.models.sales import UTM_COLUMNS, DealTelling, Routing, Sale, SaleStatus, UnknownSale
from analytics.models.spend import AdSpend, ExchangeRate
from analytics.models.targetologists import Targetologist

__all__ = [
    "UTM_COLUMNS",
    "AdSpend",
    "ConversionStatus",
    "DealTelling",
    "EarningKind",
    "ExchangeRate",
    "LedgerIsAppendOnly",
    "MoneySettings",
    "ReferralConversion",
    "ReferralEarning",
    "Referrer",
    "Routing",
    "Sale",
    "SaleStatus",
    "Targetologist",
    "UnknownSale",
]
