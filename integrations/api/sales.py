"""`POST /sales` and `PATCH /sales/{id}` at the edge: a purchase that people enter is told of as a deal's sale is."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from rest_framework.serializers import BaseSerializer

from analytics.api.sales import OneSale, Sales
from analytics.models import Sale
from integrations.notify.outbox import enqueue_purchase


@transaction.atomic
def _saved_and_told(entry: BaseSerializer[Any]) -> Sale:
    sale: Sale = entry.save()
    enqueue_purchase(sale)
    return sale


# The views below know no messages.
class SalesToldOf(Sales):
    saved = staticmethod(_saved_and_told)


class OneSaleToldOf(OneSale):
    saved = staticmethod(_saved_and_told)
