"""What amoCRM would have told of the year's deals: as snapshots, and as the bodies of its hooks."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

from integrations.demo.stories import Step, Story
from leads.news import LOST_STATUS_ID, WON_STATUS_ID, DealSnapshot, Evidence

# The sandbox's demo account: a delivery that is replayed there is of no stranger.
CRM_ACCOUNT_ID, SUBDOMAIN = 31000001, "demo"
CONTENT_TYPE = "application/x-www-form-urlencoded"


def snapshot_of(story: Story, step: Step, evidence: Evidence, *, is_read: bool = True) -> DealSnapshot:
    return DealSnapshot(
        story.deal_id,
        updated_at=step.at,
        pipeline_id=story.pipeline.pipeline_id,
        status_id=step.status_id,
        price=Decimal(price_at(story, step)),
        name=deal_name(story),
        created_at=story.created_at,
        closed_at=step.at if step.status_id in (WON_STATUS_ID, LOST_STATUS_ID) else None,
        utm=story.utm,
        contact_ids=(story.client.contact_id,),
        is_deleted=False if is_read else None,
        read_at=step.at if is_read else None,
        evidence=evidence,
    )


def deal_name(story: Story) -> str:
    return f"{story.direction.name}: {story.client.name.split()[0]}"


def price_at(story: Story, step: Step) -> int:
    """What the manager has written by then: nothing before the client has come to see the doctor."""
    qualified = [stage.status_id for stage in story.pipeline.stages if stage.is_qualified]
    return story.price if step.status_id in (*qualified, WON_STATUS_ID) else 0


def hook_body(story: Story, step: Step) -> bytes:
    """A `status` hook as amoCRM sends it; of a deal's first stage an `add`."""
    place = story.steps.index(step)
    before = story.steps[place - 1].status_id if place else None
    values: dict[str, object] = {
        "id": story.deal_id,
        "name": deal_name(story),
        "status_id": step.status_id,
        **({"old_status_id": before} if before else {}),
        "price": price_at(story, step),
        "pipeline_id": story.pipeline.pipeline_id,
        "account_id": CRM_ACCOUNT_ID,
        "last_modified": int(step.at.timestamp()),
        "date_create": int(story.created_at.timestamp()),
    }
    named = {"UTM_SOURCE": story.utm.source, "UTM_MEDIUM": story.utm.medium, "UTM_CAMPAIGN": story.utm.campaign}
    for number, (code, value) in enumerate((code, value) for code, value in named.items() if value):
        values[f"custom_fields][{number}][code"] = code
        values[f"custom_fields][{number}][values][0][value"] = value
    action = "status" if place else "add"
    account = {"account[subdomain]": SUBDOMAIN, "account[id]": CRM_ACCOUNT_ID}
    deal = {f"leads[{action}][0][{key}]": value for key, value in values.items()}
    return urlencode({**account, **deal}).encode()


def stage_as_text(story: Story, step: Step) -> str:
    """As gaps have it."""
    return f"{story.pipeline.pipeline_id}/{step.status_id}"
