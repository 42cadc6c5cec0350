"""Creatives, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import Q

from leads.deals.apply import lock_account
from leads.models import Creative, Lead


@contextmanager
def leads_follow(creative: Creative) -> Iterator[None]:
    """Within it the creative is changed. Where it moves into another direction, its leads that stood in its former one
    do so, too: reports show its spend there."""
    lock_account(creative.user_account)
    came_from = _direction_of(creative)
    yield
    went_to = _direction_of(creative)
    if went_to == came_from:
        return
    stood_there = Q(direction__isnull=True) if came_from is None else Q(direction_id=came_from)
    leads = Lead.objects.filter(stood_there, user_account=creative.user_account, creative=creative)
    leads.update(direction_id=went_to)


def _direction_of(creative: Creative) -> int | None:
    """As it is stored: the row in hand was read before the account was locked."""
    return Creative.objects.values_list("direction_id", flat=True).get(pk=creative.pk)
