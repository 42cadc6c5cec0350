"""One delivery's page: what it did, how to mend it, and its body."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from integrations.delivery import body_shown, deeds_of
from integrations.models import WebhookLog
from leads.admin.looks import moment, second
from leads.admin.stage_names import StageNames


def did(delivery: WebhookLog) -> SafeString:
    """Links to the leads of its deals, and to the stage changes that this delivery told of."""
    deeds = deeds_of(delivery)
    account_id = delivery.user_account_id
    names = StageNames([account_id])
    context = {
        "leads": [
            {
                "lead": lead,
                "stage": names.show(account_id, lead.current_pipeline_id, lead.current_status_id),
                "address": reverse("admin:leads_lead_change", args=[lead.pk]),
            }
            for lead in deeds.leads
        ],
        "strangers": deeds.strangers,
        "more_deals": deeds.more,
        "changes": [
            {
                "at": second(change.changed_at, delivery.user_account),
                "came_from": names.show(account_id, change.from_pipeline_id, change.from_status_id),
                "went_to": names.show(account_id, change.to_pipeline_id, change.to_status_id),
                "address": reverse("admin:leads_leadstatushistory_change", args=[change.pk]),
            }
            for change in deeds.changes
        ],
    }
    return SafeString(render_to_string("admin/integrations/delivery_did.html", context))


def body_panel(delivery: WebhookLog, download: str) -> SafeString:
    context = body_shown(delivery) | {
        "erased": moment(delivery.erased_at, delivery.user_account) if delivery.erased_at else "",
        "content_type": delivery.content_type,
        "download": download,
    }
    return SafeString(render_to_string("admin/integrations/delivery_body.html", context))
