"""Who is credited with a sale: the routing, what the hooks allow, and what an admin decided by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analytics.models import ReferralConversion, Routing, Sale
from analytics.routing import Buyer, Route, route
from leads.told import told


def credit(sale: Sale, buyers: Sequence[Buyer]) -> None:
    """Write the routing of the sale's UTM onto it. A targetologist who was assigned by hand stays."""
    sale.is_assigned = sale.is_assigned and sale.targetologist_id is not None  # who was assigned may be deleted since
    found = route_sale(sale, buyers)
    sale.routing_decision, sale.routing_reason = found.decision, found.reason
    sale.targetologist_id = found.targetologist_id


def route_sale(sale: Sale, buyers: Sequence[Buyer]) -> Route:
    if not sale.is_assigned or sale.targetologist_id is None:
        return route(sale.utm, buyers, takes_referral=sale.takes_referral, takes_traffic=sale.takes_traffic)
    referral = route(sale.utm, (), takes_referral=sale.takes_referral, takes_traffic=False)
    return _with_assigned(referral, sale, buyers)


def _with_assigned(referral: Route, sale: Sale, buyers: Sequence[Buyer]) -> Route:
    label = next((buyer.label for buyer in buyers if buyer.id == sale.targetologist_id), "")
    by_hand = told("traffic: assigned by hand → %(who)s") % {"who": label}
    is_both = referral.decision == Routing.REFERRAL
    return replace(
        referral,
        decision=Routing.BOTH.value if is_both else Routing.TRAFFIC.value,
        reason=f"{referral.reason}; {by_hand}" if is_both else by_hand,
        targetologist_id=sale.targetologist_id,
    )


def referral_code(sale: Sale) -> str:
    """The referrer's code by which the sale came, as it was sent; empty when it came by none."""
    return route(sale.utm, (), takes_referral=sale.takes_referral, takes_traffic=False).referral_code


def credited_conversion(sale: Sale) -> ReferralConversion | None:
    """The sale's conversion, unless the sale has come to be nobody's or only a targetologist's since."""
    is_referral = sale.routing_decision in (Routing.REFERRAL, Routing.BOTH)
    return getattr(sale, "conversion", None) if is_referral else None
