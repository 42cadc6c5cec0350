"""Sales whose purchases are told of: the edge knows Telegram."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from analytics.admin.sales import SaleAdmin
from analytics.models import Sale
from integrations.notify.outbox import enqueue_purchase

admin.site.unregister(Sale)


@admin.register(Sale)
class SaleToldOfAdmin(SaleAdmin):
    def save_row(self, request: HttpRequest, obj: Sale, form: Any, change: bool) -> None:
        super().save_row(request, obj, form, change)
        enqueue_purchase(obj)
