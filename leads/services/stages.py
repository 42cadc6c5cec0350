"""Pipeline stages: which of them make a lead qualified."""

from __future__ import annotations

from django.db import transaction

from leads.deals.apply import lock_account
from leads.models import PipelineStage
from leads.qualification import recompute_qualified


@transaction.atomic
def stage_mark_qualified(stage: PipelineStage, is_qualified: bool) -> int:
    """Mark or unmark the stage and recompute the account's leads. How many leads changed."""
    # With the drain at work beside us, a batch could otherwise be applied by the old marks after the recount.
    lock_account(stage.user_account)
    stage.is_qualified_stage = is_qualified
    stage.save(update_fields=["is_qualified_stage"])
    return recompute_qualified(stage.user_account)
