"""Which deal belongs to which ad response. Pure functions; no database.

The answer is a function of the deals and responses alone, never of the order in which they became known: deals choose
in the order of their birth, so an older deal told of late takes back what a younger one was given for want of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from leads.models.leads import MatchMethod


@dataclass(frozen=True, slots=True)
class Response:
    """A row that an ad response brought: whoever has this phone answered an ad."""

    lead_id: int
    phone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DealToMatch:
    """A deal that looks for its response.

    `born_at`: its creation in the CRM. `known_since`: by phone, when we learnt that it is the deal's, else `met_at`; a
    response that came later is not the reason for the deal. `tied_to`: the row it was tied to by id or by hand, which
    is not questioned.
    """

    deal_id: int
    born_at: datetime
    met_at: datetime
    phones: tuple[str, ...] = ()
    tied_to: int | None = None
    known_since: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """How a deal was matched. `lead_id`: the response's row, None: a row of its own. `origin_deal_id`: of a repeat."""

    deal_id: int
    method: MatchMethod
    lead_id: int | None = None
    origin_deal_id: int | None = None
    phone: str = ""
    candidates: int = 0


def match_deals(deals: Iterable[DealToMatch], responses: Iterable[Response]) -> dict[int, Match]:
    """The match of every deal that is not tied already.

    1. A response with one of the deal's phones (tried in their order) that no deal has yet: the newest.
    2. Else, an older deal of one of the phones: a repeat purchase.
    3. Else a row of its own.
    """
    # What was tied by id or by hand stands before all else: any other deal of its phone is a repeat.
    ordered = sorted(deals, key=lambda deal: (deal.tied_to is None, deal.born_at, deal.deal_id))
    taken = {deal.tied_to for deal in ordered if deal.tied_to is not None}
    free: dict[str, list[Response]] = defaultdict(list)
    for response in sorted(responses, key=lambda r: (r.created_at, r.lead_id)):
        if response.lead_id not in taken:
            free[response.phone].append(response)

    earlier: dict[str, _Buyer] = defaultdict(_Buyer)
    matches: dict[int, Match] = {}
    for deal in ordered:
        if deal.tied_to is not None:
            match = Match(deal.deal_id, MatchMethod.DEAL_ID, deal.tied_to)
        else:
            match = _by_response(deal, free) or _by_repeat(deal, earlier) or Match(deal.deal_id, MatchMethod.CREATED)
            matches[deal.deal_id] = match
        for phone in deal.phones:
            earlier[phone].add(match)
    return matches


class _Buyer:
    """The deals of one phone so far: how many, and the one whose repeats the next ones are."""

    def __init__(self) -> None:
        self.deals = 0
        self.origin: Match | None = None

    def add(self, match: Match) -> None:
        self.deals += 1
        # One with a response behind it knows the creative: the latest of these, else the first of all.
        if self.origin is None or match.lead_id is not None:
            self.origin = match


def _by_response(deal: DealToMatch, free: Mapping[str, list[Response]]) -> Match | None:
    for phone in deal.phones:
        known_since = deal.known_since.get(phone, deal.met_at)
        candidates = [response for response in free.get(phone, ()) if response.created_at <= known_since]
        if candidates:
            newest = candidates[-1]
            free[phone].remove(newest)
            return Match(deal.deal_id, MatchMethod.PHONE, newest.lead_id, phone=phone, candidates=len(candidates))
    return None


def _by_repeat(deal: DealToMatch, earlier: Mapping[str, _Buyer]) -> Match | None:
    for phone in deal.phones:
        buyer = earlier.get(phone)
        if buyer is not None and buyer.origin is not None:
            return Match(
                deal.deal_id,
                MatchMethod.REPEAT,
                origin_deal_id=buyer.origin.origin_deal_id or buyer.origin.deal_id,
                phone=phone,
                candidates=buyer.deals,
            )
    return None
