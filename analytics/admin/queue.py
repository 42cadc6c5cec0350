"""The queue of sales that nobody is credited with: assign them, or add the pattern that was missing."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from analytics.admin.sales import SaleAdmin
from analytics.earning.queue import unknown
from analytics.models import Sale, UnknownSale
from leads.admin.days import DaysFilter
from leads.admin.filters import AccountFilter
from leads.admin.looks import cut, lines


@admin.register(UnknownSale)
class UnknownSaleAdmin(SaleAdmin):
    add_role = None
    list_display = ("client", "money", "status_badge", "campaign", "why", "shown_product", "user_account", "sold")
    list_filter = (AccountFilter, ("status", ChoicesDropdownFilter), ("sold_at", DaysFilter))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sale]:
        return unknown(super().get_queryset(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # purchases are edited among the sales

    @display(description=_("campaign"))
    def campaign(self, sale: Sale) -> SafeString:
        return lines(cut(sale.utm_campaign, 40), cut(sale.utm_source, 40))
