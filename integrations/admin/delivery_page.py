"""One delivery's page: what it did, how to mend it, and its body."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from integrations import bodies
from integrations.delivery import deals_in
from integrations.models import WebhookLog
from leads.admin.looks import moment, second
from leads.admin.stage_names import StageNames
from leads.models import Lead, LeadStatusHistory

SHOWN_ROWS = 50


def did(delivery: WebhookLog) -> SafeString:
    """Links to the leads of all deals in the body, and the stage changes that this delivery told of."""
    deal_ids = deals_in(delivery)
    account_id = delivery.user_account_id
    leads = list(Lead.objects.filter(user_account=account_id, amocrm_lead_id__in=deal_ids[:SHOWN_ROWS]))
    names = StageNames([account_id])
    changes = LeadStatusHistory.objects.filter(
        user_account=account_id, amocrm_lead_id__in=deal_ids[:SHOWN_ROWS], webhook_data__delivery_id=delivery.pk
    )[:SHOWN_ROWS]
    context = {
        "leads": [
            {
                "lead": lead,
                "stage": names.show(account_id, lead.current_pipeline_id, lead.current_status_id),
                "address": reverse("admin:leads_lead_change", args=[lead.pk]),
            }
            for lead in leads
        ],
        "strangers": [i for i in deal_ids[:SHOWN_ROWS] if i not in {lead.amocrm_lead_id for lead in leads}],
        "deals": len(deal_ids),
        "shown": SHOWN_ROWS,
        "changes": [
            {
                "at": second(change.changed_at, delivery.user_account),
                "came_from": names.show(account_id, change.from_pipeline_id, change.from_status_id),
                "went_to": names.show(account_id, change.to_pipeline_id, change.to_status_id),
                "address": reverse("admin:leads_leadstatushistory_change", args=[change.pk]),
            }
            for change in changes
        ],
    }
    return SafeString(render_to_string("admin/integrations/delivery_did.html", context))


def body_panel(delivery: WebhookLog, download: str) -> SafeString:
    body = bytes(delivery.raw_body)
    context = {
        "erased": moment(delivery.erased_at, delivery.user_account) if delivery.erased_at else "",
        "size": len(body),
        "content_type": delivery.content_type,
        "is_cut": len(body) > bodies.SHOWN_BYTES,
        "tree": bodies.tree(delivery.deal_data) if delivery.deal_data is not None else "",
        "readable": bodies.readable(body, delivery.content_type),
        "raw": bodies.as_text(body[: bodies.SHOWN_BYTES]),
        "download": download,
    }
    return SafeString(render_to_string("admin/integrations/delivery_body.html", context))
