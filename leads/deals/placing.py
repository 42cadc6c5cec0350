"""Placing deals in rows: each deal stands in the row of the response it belongs to, else in a row of its own.

A deal that comes to belong elsewhere (an older deal was told of late, a contact's phone arrived) moves with all that
the deal says; what the response brought stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from leads.deals.changes import DealState
from leads.deals.matching import DealToMatch, Match, Response, match_deals
from leads.deals.stored import leads_by_deal, leads_by_phone
from leads.models import DealPhone, Lead, LeadSource, MatchMethod, UserAccount

# The columns that belong to the deal and move with it.
DEAL_COLUMNS = (
    "amocrm_lead_id",
    "amocrm_contact_id",
    "contact_name",
    "contact_phone",
    "contact_phones",
    "deal_name",
    "current_pipeline_id",
    "current_status_id",
    "is_qualified",
    "price",
    "deal_utm",
    "is_deleted",
    "amocrm_created_at",
    "amocrm_closed_at",
    "amocrm_updated_at",
    "price_at",
    "utm_at",
    "is_stage_confirmed",
    "read_updated_at",
    "read_price",
    "fate_read_at",
    "contact_at",
    "matched_at",
)
# A chain of phones longer than this ties strangers together; what lies beyond is left as it is.
MAX_ROUNDS = 6
TIED = (MatchMethod.DEAL_ID, MatchMethod.MANUAL)


COMPARED = [field.attname for field in Lead._meta.concrete_fields if not field.generated and field.name != "updated_at"]
_compared = attrgetter(*COMPARED)


def deal_of(lead: Lead) -> dict[str, Any]:
    """What the row says of its deal, by column."""
    return {column: getattr(lead, column) for column in DEAL_COLUMNS}


def put_deal(lead: Lead, deal: Mapping[str, Any]) -> None:
    """Let the row say this of its deal; what a response brought stays."""
    for column, value in deal.items():
        setattr(lead, column, value)


class Placing:
    """Matches a batch of deals and moves them between rows, in memory; the caller saves.

    `rows` maps deal ids to the rows they stand in and is kept up to date; `before` says how each stood at first;
    `sought` are the deals whose phones were new. Rows whose deal left are collected: a response's in `emptied`, a row
    made for the deal alone in `discarded`.
    """

    def __init__(
        self, account: UserAccount, rows: dict[int, Lead], before: dict[int, DealState], now: datetime
    ) -> None:
        self.account = account
        self.rows = rows
        self.before = before
        self.now = now
        self.emptied: dict[int, Lead] = {}
        self.discarded: dict[int, Lead] = {}
        self.moved: set[int] = set()
        self.sought: set[int] = set()
        self.matches: dict[int, Match] = {}
        self._loaded: dict[int, tuple[Any, ...]] = {}
        self.late_origins: list[tuple[Lead, Lead]] = []
        self._neighbour_ids: set[int] = set()
        self._known_since: dict[tuple[int, str], datetime | None] = {}
        self.loaded(lead for lead in rows.values() if lead.pk)

    def loaded(self, leads: Iterable[Lead]) -> None:
        """Remember these rows as they are stored, so that only what changes is written."""
        for lead in leads:
            self._loaded.setdefault(lead.pk, _values_of(lead))

    def place(self, deal_ids: Iterable[int]) -> None:
        """Match these deals of `rows` (new ones in unsaved rows of their own) and their neighbours by phone."""
        wanted = set(deal_ids)
        self.sought |= wanted
        for deal_id in wanted:
            lead = self.rows[deal_id]
            lead.matched_at = lead.matched_at or self.now
        phones = {phone for deal_id in wanted for phone in _phones_of(self.rows[deal_id])}
        responses = self._neighbours(phones)
        related = {deal_id for deal_id, lead in self.rows.items() if phones.intersection(_phones_of(lead))}
        self.matches = match_deals(
            [self._as_deal(deal_id) for deal_id in sorted(wanted | related)],
            [Response(lead.pk, lead.phone_e164 or "", lead.created_at) for lead in responses.values()],
        )
        self.move(self._targets(responses))

    def _neighbours(self, phones: set[str]) -> dict[int, Lead]:
        """Responses that any of these phones leads to; the deals that compete for them join `rows`.

        A deal's client may have several phones, of which another deal shares only one: `phones` grows until nothing
        new is found, so that the same deals and responses are matched whichever of them came last.
        """
        responses: dict[int, Lead] = {}
        seen: set[str] = set()
        for _round in range(MAX_ROUNDS):
            fresh = phones - seen
            if not fresh:
                break
            seen |= fresh
            for lead in self._rows_with(fresh):
                if lead.source != LeadSource.AMOCRM:
                    responses[lead.pk] = lead
                phones.update(_phones_of(lead))
        return responses

    def _rows_with(self, phones: set[str]) -> list[Lead]:
        competing = DealPhone.objects.filter(user_account=self.account, phone_e164__among=phones)
        known = {(row[0], row[1]): row[2] for row in competing.values_list("amocrm_lead_id", "phone_e164", "known_at")}
        self._known_since |= known
        by_phone = leads_by_phone(self.account, phones)
        others = {deal_id for deal_id, _phone in known} - {lead.amocrm_lead_id for lead in by_phone}
        stored = {lead.pk: lead for lead in (*by_phone, *leads_by_deal(self.account, others).values())}
        self.loaded(stored.values())
        at_hand = {lead.pk: lead for lead in self.rows.values() if lead.pk}
        found = [at_hand.get(pk, lead) for pk, lead in stored.items()]
        for lead in found:
            deal_id = lead.amocrm_lead_id
            if deal_id is not None and deal_id not in self.rows:
                self.rows[deal_id] = lead
                self.before[deal_id] = DealState.of(lead)
                self._neighbour_ids.add(deal_id)
        return found

    def _as_deal(self, deal_id: int) -> DealToMatch:
        lead = self.rows[deal_id]
        met = lead.matched_at or lead.created_at
        phones = _phones_of(lead)
        # Of a deal that looks for its response, what is not written down has become known just now.
        unwritten = self.now if deal_id in self.sought else None
        known = {phone: self._known_since.get((deal_id, phone), unwritten) for phone in phones}
        return DealToMatch(
            deal_id,
            born_at=lead.amocrm_created_at or met,
            met_at=met,
            phones=phones,
            tied_to=lead.pk if lead.match_method in TIED else None,
            known_since={phone: since for phone, since in known.items() if since is not None},
        )

    def _targets(self, responses: Mapping[int, Lead]) -> dict[int, Lead]:
        matched = {
            deal_id: responses[match.lead_id] if match.lead_id is not None else self._own_row(self.rows[deal_id])
            for deal_id, match in self.matches.items()
        }
        return {deal_id: target for deal_id, target in matched.items() if target is not self.rows[deal_id]}

    def move(self, targets: Mapping[int, Lead]) -> None:
        """Let each of these deals stand in its target. All leave before any arrives: rows may be exchanged."""
        parts = {deal_id: deal_of(self.rows[deal_id]) for deal_id in targets}
        for deal_id in targets:
            self._leave(self.rows[deal_id])
        for deal_id, target in targets.items():
            put_deal(target, parts[deal_id])
            self.emptied.pop(target.pk, None)
            self.rows[deal_id] = target
            self.moved.add(deal_id)

    def _own_row(self, lead: Lead) -> Lead:
        if lead.source == LeadSource.AMOCRM:
            return lead
        return Lead(user_account=self.account, source=LeadSource.AMOCRM)

    def _leave(self, lead: Lead) -> None:
        if lead.source == LeadSource.AMOCRM:
            if lead.pk:
                self.discarded[lead.pk] = lead
            return
        put_deal(lead, deal_of(Lead()))
        lead.match_method, lead.match_detail, lead.origin_lead = None, "", None
        self.emptied[lead.pk] = lead

    def changed_columns(self, lead: Lead) -> set[str]:
        """In what a stored row differs from what was loaded of it."""
        pairs = zip(COMPARED, self._loaded[lead.pk], _values_of(lead), strict=True)
        return {column for column, before, now in pairs if before != now}

    def let_neighbours_be(self) -> None:
        """Deals that joined for their phone, and to which nothing happened, need no more of anybody's time: of a phone
        that is everybody's (a reception's, a made-up one) there are thousands."""
        inheriting = {id(lead) for lead, _origin in self.late_origins}
        for deal_id in self._neighbour_ids - self.moved:
            lead = self.rows[deal_id]
            if id(lead) not in inheriting and _values_of(lead) == self._loaded[lead.pk]:
                del self.rows[deal_id], self.before[deal_id]

    def name_late_origins(self) -> list[Lead]:
        """Origins that were new themselves have their ids now. The leads that refer to them."""
        for lead, origin in self.late_origins:
            lead.origin_lead = origin
        return [lead for lead, _origin in self.late_origins]


def _values_of(lead: Lead) -> tuple[Any, ...]:
    values: tuple[Any, ...] = _compared(lead)
    return values


def _phones_of(lead: Lead) -> tuple[str, ...]:
    return tuple(lead.contact_phones) or ((lead.phone_e164,) if lead.phone_e164 else ())
