"""Creatives, and what follows from them."""

from __future__ import annotations

from django.db import connection
from django.db.models import Q

from leads.deals.apply import lock_account
from leads.models import Creative, Lead


def leads_follow(creative: Creative, came_from: int | None) -> None:
    """Let the leads that have the creative's direction follow it into another: reports show its spend there, too.
    To be called inside the transaction that has moved it.

    :param came_from: the id of its direction before; None for none.
    """
    assert connection.in_atomic_block, "a creative and its leads stand in one direction"
    if creative.direction_id == came_from:
        return
    lock_account(creative.user_account)
    stood_there = Q(direction__isnull=True) if came_from is None else Q(direction_id=came_from)
    leads = Lead.objects.filter(stood_there, user_account=creative.user_account, creative=creative)
    leads.update(direction_id=creative.direction_id)
