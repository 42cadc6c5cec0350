"""Accounts: their habits of writing (region, zone, currency), UTM mapping and members."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.admin import tenancy
from leads.admin.base import AccountForm, AccountScopedAdmin
from leads.admin.members import MemberInline
from leads.models import UserAccount
from leads.news import UTM_COLUMNS


class ReadableJSON(json.JSONEncoder):
    """Cyrillic as people typed it, one pair per line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "ensure_ascii": False, "indent": 2})


class UserAccountForm(AccountForm):
    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"]
        if "currency" in self.changed_data:
            self.instance.is_currency_assumed = False  # somebody chose it
        return currency

    def clean_utm_mapping(self) -> dict[str, str]:
        mapping: Any = self.cleaned_data["utm_mapping"] or {}
        if not isinstance(mapping, dict):
            raise ValidationError(_('Write an object such as {"Источник": "utm_source"}.'))
        for field, key in mapping.items():
            if key not in UTM_COLUMNS:
                text = _("“%(field)s” is mapped to “%(key)s”. Allowed: %(allowed)s.")
                raise ValidationError(text, params={"field": field, "key": key, "allowed": ", ".join(UTM_COLUMNS)})
        return mapping


@admin.register(UserAccount)
class UserAccountAdmin(AccountScopedAdmin[UserAccount]):
    form = UserAccountForm
    account_path = "pk"
    delete_role = None  # its deliveries and leads would go with it
    inlines = (MemberInline,)
    list_display = ("name", "phone_region", "timezone", "currency", "created_at")
    search_fields = ("name",)
    readonly_fields: tuple[str, ...] = ("id", "created_at")
    fieldsets: Any = (
        (None, {"fields": ("name", "phone_region", "timezone", "currency")}),
        (
            _("UTM"),
            {
                "fields": ("utm_mapping",),
                "description": _(
                    "Only for deals whose UTM stand in fields of other names. What amoCRM marks as UTM, and fields "
                    "named utm_source, “UTM Source” or the like, are found without it."
                ),
            },
        ),
        (_("About"), {"fields": ("id", "created_at"), "classes": ("collapse",)}),
    )
    add_fieldsets = ((None, {"fields": ("name", "phone_region", "timezone", "currency", "utm_mapping")}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return tenancy.is_superuser(request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "utm_mapping" and isinstance(field, forms.JSONField):
            field.encoder = ReadableJSON
            field.widget.attrs.update({"rows": 5, "spellcheck": "false", "class": _classes(field, "v-mono")})
        return field


def _classes(field: forms.Field, extra: str) -> str:
    return f"{field.widget.attrs.get('class', '')} {extra}".strip()
