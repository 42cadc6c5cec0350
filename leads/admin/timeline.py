"""A lead's stages in their order, each with how long it stood there and what told of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from leads.admin.evidence import told_by
from leads.admin.looks import duration, moment
from leads.admin.stage_names import StageNames
from leads.models import Lead

LIMIT = 200


def timeline(lead: Lead) -> SafeString:
    if not lead.pk:
        return SafeString("")
    changes = list(lead.status_history.order_by("changed_at", "tie")[: LIMIT + 1])
    names = StageNames([lead.user_account_id])
    ends: list[Any] = [later.changed_at for _earlier, later in pairwise(changes)]
    ends.append(timezone.now())
    steps = [
        {
            "stage": names.show(lead.user_account_id, change.to_pipeline_id, change.to_status_id),
            "pipeline": names.pipeline(lead.user_account_id, change.to_pipeline_id),
            "at": moment(change.changed_at, lead.user_account),
            "stood": duration(end - change.changed_at),
            "told_by": told_by(change.webhook_data),
        }
        for change, end in zip(changes[:LIMIT], ends, strict=False)
    ]
    context = {"steps": steps, "is_cut": len(changes) > LIMIT, "limit": LIMIT}
    return SafeString(render_to_string("admin/leads/timeline.html", context))
