"""The year's leads and their history as rows: what applying all their news, one after the other, would have made.

A hundred thousand rows take the ORM half a minute. So they are written as they end, and a test applies the news to them
and sees that nothing changes. Money is not made here but by `settle_deals`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from typing import Any

from django.utils import timezone

from analytics.earning.settle import settle_deals
from integrations.demo.bulk import insert_rows
from integrations.demo.hooks import Hooks
from integrations.demo.news import deal_name, price_at
from integrations.demo.stories import Story
from leads.deals.changes import DealState, LeadChange
from leads.models import Creative, DealPhone, Lead, LeadSource, LeadStatusHistory, MatchMethod, StageNews, UserAccount
from leads.news import LOST_STATUS_ID, UTM_KEYS, WON_STATUS_ID, Utm
from leads.told import told

EXTERNAL_ID = "demo-"
ANSWERED_WITHIN = timedelta(minutes=3)


def deals_make(account: UserAccount, stories: Sequence[Story], creatives: Mapping[str, Creative], hooks: Hooks) -> None:
    """Leads, stages and history of all stories, and the sales of those that were won."""
    firsts = [story for story in stories if story.origin is None]
    repeats = [story for story in stories if story.origin is not None]
    insert_rows(Lead, [_lead(account, story, creatives) for story in firsts])
    origins = _lead_ids(account)
    insert_rows(Lead, [_repeat(account, story, creatives, origins) for story in repeats])
    ids = _lead_ids(account)
    deals = [story for story in stories if story.steps]
    insert_rows(
        DealPhone,
        [
            {"user_account_id": account.pk, "phone_e164": story.client.e164, "amocrm_lead_id": story.deal_id}
            for story in deals
        ],
    )
    insert_rows(StageNews, [row for story in deals for row in _news(account, story, hooks)])
    insert_rows(LeadStatusHistory, [row for story in deals for row in _history(account, story, hooks, ids)])
    _settle(account, deals, hooks)


def _lead_ids(account: UserAccount) -> dict[int, int]:
    """Deal id → lead's id."""
    rows = Lead.objects.filter(user_account=account, amocrm_lead_id__isnull=False)
    return {deal_id: pk for deal_id, pk in rows.values_list("amocrm_lead_id", "pk") if deal_id is not None}


def _lead(account: UserAccount, story: Story, creatives: Mapping[str, Creative]) -> dict[str, Any]:
    utm = _values(story.utm)
    creative = creatives[story.ad.external_ad_id] if story.ad else None
    return {
        "user_account_id": account.pk,
        "creative_id": creative.pk if creative else None,
        "direction_id": creative.direction_id if creative else None,
        **{f"utm_{key}": value for key, value in utm.items()},
        "created_at": story.created_at - ANSWERED_WITHIN,
        "updated_at": timezone.now(),
        **(_response(story, utm) if story.source else _client(story)),
        **(_deal(story) if story.steps else {}),
    }


# A year has a few dozen different ones.
@cache
def _as_dict(utm: Utm) -> dict[str, str]:
    return asdict(utm)


@cache
def _values(utm: Utm) -> dict[str, str]:
    """Without the place."""
    return {key: getattr(utm, key) for key in UTM_KEYS}


def _response(story: Story, utm: dict[str, str]) -> dict[str, Any]:
    is_chat = story.source == LeadSource.WHATSAPP
    return {
        "source": str(story.source),
        "name": story.client.name.split()[0],
        "phone": "" if is_chat else story.client.typed,
        "phone_e164": story.client.e164,
        "chat_id": f"{story.client.e164[1:]}@c.us" if is_chat else "",
        "own_utm": utm,
        "external_id": f"{EXTERNAL_ID}{story.client.number}",
    }


def _client(story: Story) -> dict[str, Any]:
    return {
        "source": LeadSource.AMOCRM.value,
        "name": story.client.name,
        "phone": story.client.typed,
        "phone_e164": story.client.e164,
    }


def _deal(story: Story) -> dict[str, Any]:
    last = story.steps[-1]
    has_response = story.source is not None
    sentence = (
        told("phone %(phone)s of contact %(contact)s, one lead had it")
        if has_response
        else told("no lead has the phone %(phone)s of contact %(contact)s")
    )
    return {
        "match_method": (MatchMethod.PHONE if has_response else MatchMethod.CREATED).value,
        "match_detail": sentence % {"phone": story.client.shown, "contact": story.client.contact_id},
        "matched_at": story.created_at,
        "amocrm_lead_id": story.deal_id,
        "amocrm_contact_id": story.client.contact_id,
        "contact_name": story.client.name,
        "contact_phone": story.client.typed,
        "contact_phones": [story.client.e164],
        "deal_name": deal_name(story),
        "current_pipeline_id": story.pipeline.pipeline_id,
        "current_status_id": last.status_id,
        "is_qualified": story.is_qualified,
        "price": price_at(story, last),
        "deal_utm": _as_dict(story.utm) if story.utm else {},
        "amocrm_created_at": story.created_at,
        "amocrm_closed_at": last.at if last.status_id in (WON_STATUS_ID, LOST_STATUS_ID) else None,
        "amocrm_updated_at": last.at,
        "price_at": last.at,
        "utm_at": last.at if story.utm else None,
        "is_stage_confirmed": True,
        "read_updated_at": last.at,
        "read_price": price_at(story, last),
    }


def _repeat(
    account: UserAccount, story: Story, creatives: Mapping[str, Creative], ids: Mapping[int, int]
) -> dict[str, Any]:
    """A repeat purchase inherits what brought the client at first."""
    origin = story.origin
    assert origin is not None
    row = _lead(account, story, creatives)
    first = _lead(account, origin, creatives)
    sentence = told("phone %(phone)s of contact %(contact)s already bought as deal %(deal)s: a repeat purchase")
    values = {"phone": story.client.shown, "contact": story.client.contact_id, "deal": origin.deal_id}
    inherited = ("creative_id", "direction_id", *(f"utm_{key}" for key in UTM_KEYS))
    return {
        **row,
        **{name: first[name] for name in inherited},
        "own_utm": {key: first[f"utm_{key}"] for key in UTM_KEYS},
        "origin_lead_id": ids[origin.deal_id],
        "match_method": MatchMethod.REPEAT.value,
        "match_detail": sentence % values,
    }


def _news(account: UserAccount, story: Story, hooks: Hooks) -> Iterator[dict[str, Any]]:
    for step in story.steps:
        yield {
            "user_account_id": account.pk,
            "amocrm_lead_id": story.deal_id,
            "pipeline_id": story.pipeline.pipeline_id,
            "status_id": step.status_id,
            "at": step.at,
            "read_at": step.at if step is story.steps[-1] else None,
            "evidence": hooks.evidence(story, step),
        }


def _history(account: UserAccount, story: Story, hooks: Hooks, ids: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    pipeline_id, before = story.pipeline.pipeline_id, None
    for step in story.steps:
        yield {
            "user_account_id": account.pk,
            "lead_id": ids[story.deal_id],
            "amocrm_lead_id": story.deal_id,
            "from_pipeline_id": pipeline_id if before else None,
            "from_status_id": before,
            "to_pipeline_id": pipeline_id,
            "to_status_id": step.status_id,
            "changed_at": step.at,
            "learnt_at": step.at,
            "webhook_data": hooks.evidence(story, step),
        }
        before = step.status_id


def _settle(account: UserAccount, deals: Sequence[Story], hooks: Hooks) -> None:
    won = [story.deal_id for story in deals if story.is_won]
    leads = Lead.objects.filter(user_account=account, amocrm_lead_id__in=won)
    changes = [LeadChange(lead.amocrm_lead_id or 0, lead.pk, None, DealState.of(lead)) for lead in leads]
    # As by a sync: of sales that it meets first nobody is told.
    settle_deals(account, changes, told_by=hooks.told_by(deals), currency="", is_sync=True, now=timezone.now())
