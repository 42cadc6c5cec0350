"""`POST /sales` and `PATCH /sales/{id}` at the edge: a purchase that people enter is told of as a deal's sale is."""

from __future__ import annotations

from collections.abc import Collection

from analytics.api.sale_serializers import PurchaseSerializer
from analytics.api.sales import OneSale, Sales
from analytics.models import Sale
from integrations.notify.outbox import enqueue_purchase


# The views below know no messages.
class PurchaseToldOf(PurchaseSerializer):
    def stored(self, sale: Sale, changed: Collection[str]) -> Sale:
        sale = super().stored(sale, changed)
        enqueue_purchase(sale)
        return sale


class SalesToldOf(Sales):
    entry_class = PurchaseToldOf


class OneSaleToldOf(OneSale):
    entry_class = PurchaseToldOf
