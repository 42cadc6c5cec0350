"""Who earned a deal, by its UTM: a referrer, a targetologist, both or nobody known. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.models import Targetologist
from analytics.models.referrals import REFERRAL_PREFIX
from leads.models import UserAccount
from leads.news import Utm
from leads.told import told


@dataclass(frozen=True, slots=True)
class Buyer:
    """A targetologist as routing sees them; `patterns` in lower case, none of them empty."""

    id: int
    label: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """`decision`: referral, traffic, both or unknown. `reason` says why, for people."""

    decision: str
    reason: str
    targetologist_id: int | None = None
    referral_code: str = ""


def buyers_of(account: UserAccount) -> list[Buyer]:
    """The account's targetologists in their order."""
    return [
        Buyer(
            person.pk, str(person), tuple(str(pattern).lower() for pattern in person.patterns if str(pattern).strip())
        )
        for person in Targetologist.objects.filter(user_account=account)
    ]


def route(utm: Utm, buyers: Sequence[Buyer], *, takes_referral: bool = True, takes_traffic: bool = True) -> Route:
    """Route by UTM. A dedicated hook takes only its own kind."""
    is_referral = utm.source.lower().startswith(REFERRAL_PREFIX)
    referral = utm.source if takes_referral and is_referral else ""
    found = _by_pattern(utm, buyers, search_source=not is_referral) if takes_traffic else None
    reasons = []
    if referral:
        reasons.append(told("referral: utm_source %(code)s") % {"code": referral})
    if found:
        buyer, pattern, key = found
        reasons.append(
            told("traffic: '%(pattern)s' in %(key)s → %(who)s") % {"pattern": pattern, "key": key, "who": buyer.label}
        )
    decision = {(True, True): "both", (True, False): "referral", (False, True): "traffic"}.get(
        (bool(referral), found is not None), "unknown"
    )
    reason = "; ".join(reasons) or _why_unknown(utm, takes_traffic=takes_traffic)
    return Route(decision, reason, found[0].id if found else None, referral)


def _by_pattern(utm: Utm, buyers: Sequence[Buyer], *, search_source: bool) -> tuple[Buyer, str, str] | None:
    """utm_campaign against all targetologists in their order first, and only then utm_source."""
    places = [("utm_campaign", utm.campaign)] + ([("utm_source", utm.source)] if search_source else [])
    for key, value in places:
        text = value.lower()
        for buyer in buyers:
            for pattern in buyer.patterns:
                if pattern in text:
                    return buyer, pattern, key
    return None


def _why_unknown(utm: Utm, *, takes_traffic: bool) -> str:
    if not utm:
        return told("unknown: the deal has no UTM")
    values = {"campaign": utm.campaign, "source": utm.source}
    if not takes_traffic:
        return told("unknown: only the referral hook tells of the deal, and '%(source)s' is no referral code") % values
    if utm.source.lower().startswith(REFERRAL_PREFIX):  # and yet no referral
        return (
            told("unknown: no pattern in utm_campaign '%(campaign)s', and only the traffic hook tells of the deal")
            % values
        )
    if utm.campaign and utm.source:
        return told("unknown: no pattern in utm_campaign '%(campaign)s' or utm_source '%(source)s'") % values
    if utm.campaign:
        return told("unknown: no pattern in utm_campaign '%(campaign)s'") % values
    if utm.source:
        return told("unknown: no pattern in utm_source '%(source)s'") % values
    return told("unknown: the deal has neither utm_campaign nor utm_source")
