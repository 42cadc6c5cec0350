"""Creatives, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db.models import Q

from leads.deals.apply import lock_account
from leads.deals.crediting import credit_waiting
from leads.models import Creative, Lead, UserAccount


@contextmanager
def leads_follow(creative: Creative) -> Iterator[None]:
    """Within it the creative is changed. Where it moves into another direction, its leads that stood in its former one
    do so, too: reports show its spend there. And with another name, deals that waited for it are credited to it."""
    lock_account(creative.user_account)
    came_from = _direction_of(creative)
    yield
    went_to = _direction_of(creative)
    if went_to != came_from:
        stood_there = Q(direction__isnull=True) if came_from is None else Q(direction_id=came_from)
        leads = Lead.objects.filter(stood_there, user_account=creative.user_account, creative=creative)
        leads.update(direction_id=went_to)
    creatives_appeared(creative.user_account, [creative])


def creatives_appeared(account: UserAccount, creatives: Iterable[Creative]) -> None:
    """Credit the deals that named these creatives before they were entered: reports show their spend of then, too. To
    be called inside the transaction that saved them, which has locked the account before: who changes a creative holds
    that lock, and would wait for the ad that is being entered, as this for the lock."""
    names = {name for creative in creatives for name in (creative.external_ad_id, creative.name) if name}
    credit_waiting(account, names)


def _direction_of(creative: Creative) -> int | None:
    """As it is stored: the row in hand was read before the account was locked."""
    return Creative.objects.values_list("direction_id", flat=True).get(pk=creative.pk)
