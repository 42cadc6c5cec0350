"""Directions and creatives: what money is spent on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from leads.admin.deleting import CreditedAdmin
from leads.admin.filters import AccountFilter, DirectionFilter
from leads.deals.apply import lock_account
from leads.models import Creative, Direction
from leads.services.ads import creatives_appeared, leads_follow


@admin.register(Direction)
class DirectionAdmin(CreditedAdmin[Direction]):
    list_display = ("name", "user_account", "created_at")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    search_fields = ("name",)
    fields = ("user_account", "name")


@admin.register(Creative)
class CreativeAdmin(CreditedAdmin[Creative]):
    list_display = ("name", "direction", "external_ad_id", "user_account", "created_at")
    list_select_related = ("user_account", "direction")
    list_filter = (AccountFilter, DirectionFilter)
    search_fields = ("name", "external_ad_id")
    fields = ("user_account", "name", "direction", "external_ad_id")
    autocomplete_fields = ("direction",)

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Creative, form: Any, change: bool) -> None:
        if change:
            with leads_follow(obj):
                super().save_model(request, obj, form, change)
        else:
            lock_account(obj.user_account)
            super().save_model(request, obj, form, change)
            creatives_appeared(obj.user_account, [obj])
