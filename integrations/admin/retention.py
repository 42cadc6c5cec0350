"""How long deliveries are kept."""

from __future__ import annotations

from django.contrib import admin

from integrations.models import RetentionSettings
from leads.admin.base import OnePerAccountAdmin
from leads.admin.filters import AccountFilter
from leads.models import Role


@admin.register(RetentionSettings)
class RetentionSettingsAdmin(OnePerAccountAdmin[RetentionSettings]):
    add_role = change_role = delete_role = Role.OWNER
    list_display = ("__str__", "success_days", "ignored_days", "partial_days", "error_days")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    ordering = ("id",)
    fields = ("user_account", "success_days", "ignored_days", "partial_days", "error_days")
