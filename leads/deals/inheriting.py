"""What a match writes into the deal's row: how it was made, in words, and what a repeat inherits from its origin."""

from __future__ import annotations

from collections.abc import Collection

from leads.deals.changes import DealState
from leads.deals.crediting import CreativesOfContent
from leads.deals.facts import settle
from leads.deals.matching import Match
from leads.deals.placing import Placing
from leads.deals.stored import repeats_of
from leads.models import Lead, LeadSource, MatchMethod
from leads.news import UTM_COLUMNS, UTM_KEYS
from leads.phones import display_phone
from leads.told import told

_HANDED_DOWN = {"creative_id", "direction_id", *UTM_COLUMNS}


def describe(placing: Placing) -> None:
    """Write how each deal of a placing was matched, and let repeats inherit what their origins have by then."""
    rows = placing.rows
    for deal_id, match in placing.matches.items():
        lead = rows[deal_id]
        lead.match_method = match.method
        lead.match_detail = _in_words(match, lead)
        lead.origin_lead = None
    origins = _origins(placing)
    _settle(placing, [lead for deal_id, lead in rows.items() if deal_id not in origins])
    origins |= _followers(placing)
    for deal_id, origin in origins.items():
        _inherit(placing, rows[deal_id], origin)
    _settle(placing, [rows[deal_id] for deal_id in origins])


def _origins(placing: Placing) -> dict[int, Lead]:
    """By deal, the rows of which repeats are: of those matched just now; and of the others where the origin is at hand,
    or the repeat has come to say something else itself."""
    rows, matches = placing.rows, placing.matches
    at_hand = {lead.pk: lead for lead in rows.values() if lead.pk}
    others = {deal_id: lead for deal_id, lead in rows.items() if lead.origin_lead_id and deal_id not in matches}
    changed = (lead for lead in others.values() if "deal_utm" in placing.changed_columns(lead))
    missing = {lead.origin_lead_id for lead in changed} - at_hand.keys()
    at_hand |= Lead.objects.in_bulk(missing) if missing else {}
    known = {
        deal_id: at_hand[lead.origin_lead_id] for deal_id, lead in others.items() if lead.origin_lead_id in at_hand
    }
    matched = ((deal_id, match.origin_deal_id) for deal_id, match in matches.items())
    return known | {deal_id: rows[origin] for deal_id, origin in matched if origin is not None}


def _followers(placing: Placing) -> dict[int, Lead]:
    """Further repeat purchases of rows whose handed-down columns have changed: deal → the row it repeats. They join the
    placing, so that it does not matter whether they were met before or after the change."""
    stored = (lead for lead in placing.rows.values() if lead.pk)
    changed = {lead.pk: lead for lead in stored if placing.changed_columns(lead) & _HANDED_DOWN}
    found: dict[int, Lead] = {}
    for lead in repeats_of(placing.account, changed) if changed else ():
        deal_id = lead.amocrm_lead_id
        if deal_id is not None and deal_id not in placing.rows:
            placing.loaded([lead])
            placing.rows[deal_id], placing.before[deal_id] = lead, DealState.of(lead)
            found[deal_id] = changed[lead.origin_lead_id or 0]
    return found


def _inherit(placing: Placing, lead: Lead, origin: Lead) -> None:
    if origin.pk:
        lead.origin_lead = origin
    else:
        placing.late_origins.append((lead, origin))
    lead.creative_id, lead.direction_id = origin.creative_id, origin.direction_id
    lead.own_utm = {key: getattr(origin, f"utm_{key}") for key in UTM_KEYS}


def _settle(placing: Placing, leads: Collection[Lead]) -> None:
    creatives = CreativesOfContent(placing.account, leads)
    for lead in leads:
        settle(lead)
        if lead.source == LeadSource.AMOCRM and (lead.creative_id is None or _names_another(placing, lead)):
            creatives.credit(lead)


def _names_another(placing: Placing, lead: Lead) -> bool:
    """Whether the deal's UTM name another creative than they did. A repeat keeps that of its origin."""
    is_stored = lead.pk is not None and lead.match_method != MatchMethod.REPEAT
    return is_stored and "utm_content" in placing.changed_columns(lead)


def _in_words(match: Match, lead: Lead) -> str:
    values = {
        "phone": display_phone(match.phone) if match.phone else "",
        "contact": lead.amocrm_contact_id,
        "leads": match.candidates,
        "deal": match.origin_deal_id,
    }
    if match.method == MatchMethod.PHONE:
        if match.candidates == 1:
            return told("phone %(phone)s of contact %(contact)s, one lead had it") % values
        return told("phone %(phone)s of contact %(contact)s, %(leads)s leads had it, the newest taken") % values
    if match.method == MatchMethod.REPEAT:
        return (
            told("phone %(phone)s of contact %(contact)s already bought as deal %(deal)s: a repeat purchase") % values
        )
    if lead.contact_phones:
        values["phone"] = ", ".join(display_phone(known) for known in lead.contact_phones)
        return told("no lead has the phone %(phone)s of contact %(contact)s") % values
    if lead.amocrm_contact_id:
        return told("contact %(contact)s has no phone") % values
    return told("the deal has no contact")
