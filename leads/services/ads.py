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
    """Change the creative inside this block. If it moves to another direction, its leads of the former one move along,
    as reports show its spend there; deals that waited for its new name are credited to it."""
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
    """Credit the deals that named these creatives before they were entered: reports show their spend of then, too.

    Call it in the transaction that saved them, with the account locked before the creatives: changing a creative locks
    in that order, and the opposite order would deadlock.
    """
    names = {name for creative in creatives for name in (creative.external_ad_id, creative.name) if name}
    credit_waiting(account, names)


def _direction_of(creative: Creative) -> int | None:
    """As it is stored: the row in hand was read before the account was locked."""
    return Creative.objects.values_list("direction_id", flat=True).get(pk=creative.pk)
