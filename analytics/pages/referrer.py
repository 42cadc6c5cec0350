"""`/r/<token>`: a referrer's own figures, for whoever has their private link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.db.models import Max, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from analytics.earning.ledger import commission_due
from analytics.earning.payout import Balance, balances
from analytics.earning.referrers import referrer_of_token
from analytics.models import ReferralConversion, ReferralEarning, Referrer
from analytics.models.referrals import default_rate
from leads.access import open_to_all
from leads.amounts import share

SHOWN_SALES = 100
SHOWN_PAYOUTS = 24


@dataclass(frozen=True, slots=True)
class ShownSale:
    """A sale without its client: who bought is nobody else's business. `rate`: where it is not the one of today."""

    sold_at: datetime
    product: str
    amount: Decimal
    commission: Decimal
    currency: str
    rate: str
    status: str
    status_label: str


# django-csp's types know only views without arguments.
_strict: Any = csp_replace({"default-src": [NONE], "style-src": [SELF], "img-src": [SELF]})


@open_to_all
@require_safe
@_strict
def referrer_page(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the referrer whose link this is; 404 for a forged or a retired one."""
    referrer = referrer_of_token(token)
    if referrer is None:
        response = render(request, "analytics/no_referrer.html", status=404)
    else:
        with timezone.override(referrer.user_account.zone):
            response = render(request, "analytics/referrer.html", _context(referrer))
    add_never_cache_headers(response)
    # Whoever has the address has the page: it is not to stand in search engines or other sites' logs.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _context(referrer: Referrer) -> dict[str, object]:
    account = referrer.user_account
    rate = referrer.rate(default_rate(account))
    return {
        "referrer": referrer,
        "account": account,
        "rate": share(rate),
        "balances": balances([referrer.pk]).get(referrer.pk) or [Balance(account.currency)],
        "sales": _sales(referrer, rate),
        "sales_count": ReferralConversion.objects.filter(referrer=referrer).count(),
        "payouts": (
            ReferralEarning.objects.filter(referrer=referrer, paid_at__isnull=False)
            .order_by("-paid_at")
            .values("paid_at", "currency")
            .annotate(amount=Sum("amount"), since=Min("created_at"), until=Max("created_at"))[:SHOWN_PAYOUTS]
        ),
    }


def _sales(referrer: Referrer, rate_now: Decimal) -> list[ShownSale]:
    conversions = ReferralConversion.objects.filter(referrer=referrer).select_related("sale")
    return [
        ShownSale(
            conversion.sale.sold_at,
            conversion.sale.product,
            conversion.sale.amount,
            commission_due(conversion, conversion.sale),
            conversion.sale.currency,
            share(kept) if (kept := conversion.commission_rate) is not None and kept != rate_now else "",
            conversion.status,
            conversion.get_status_display(),
        )
        for conversion in conversions.order_by("-sale__sold_at", "-id")[:SHOWN_SALES]
    ]
