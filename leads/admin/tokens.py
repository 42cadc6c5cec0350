"""API tokens, for those who run the installation: made, shown once, and taken back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from leads.admin.base import SuperuserOnly
from leads.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(SuperuserOnly, ModelAdmin):
    fields = ("user",)
    list_display = ("user", "hint", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "hint")
    autocomplete_fields = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        token = obj.make()
        super().save_model(request, obj, form, change)
        text = _("The token of %(user)s is %(key)s. It is not shown again.")
        self.message_user(request, text % {"user": obj.user, "key": token}, messages.WARNING)
