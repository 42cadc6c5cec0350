"""The queue of sales that nobody is credited with."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import QuerySet

from analytics.models import Routing, Sale

S = TypeVar("S", bound=Sale)


def unknown(sales: QuerySet[S]) -> QuerySet[S]:
    """Of these sales those that wait for somebody to say whose they are, also because a targetologist was deleted."""
    return sales.filter(targetologist=None, routing_decision__in=[Routing.UNKNOWN, Routing.TRAFFIC])
