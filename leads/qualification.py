"""Qualified: the lead has at some time stood in a stage marked qualified, or was won."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import BooleanField

from leads.models import Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.news import WON_STATUS_ID

Stage = tuple[int, int]


def qualified_stages(account: UserAccount) -> frozenset[Stage]:
    """(pipeline_id, status_id) of the account's stages that are marked."""
    marked = PipelineStage.objects.filter(user_account=account, is_qualified_stage=True)
    return frozenset(marked.values_list("pipeline_id", "status_id"))


def is_qualified(stages: list[Stage], marked: frozenset[Stage]) -> bool:
    return any(stage in marked or stage[1] == WON_STATUS_ID for stage in stages)


def recompute_qualified(account: UserAccount) -> int:
    """Recompute all leads of the account from their history, in one statement. How many changed."""
    marked = PipelineStage.objects.filter(
        user_account=account,
        is_qualified_stage=True,
        pipeline_id=OuterRef("to_pipeline_id"),
        status_id=OuterRef("to_status_id"),
    )
    stood = LeadStatusHistory.objects.filter(lead=OuterRef("pk")).filter(
        Q(to_status_id=WON_STATUS_ID) | Q(Exists(marked))
    )
    wrong = Q(is_qualified=True) & ~Exists(stood) | Q(is_qualified=False) & Exists(stood)
    flipped = ExpressionWrapper(Q(is_qualified=False), output_field=BooleanField())
    return Lead.objects.filter(user_account=account).filter(wrong).update(is_qualified=flipped)
