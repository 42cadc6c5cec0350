"""Accounts with the addresses of their hooks, for those who may set them up at amoCRM."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from integrations.admin.utm_fields import utm_fields_view
from integrations.pages.hook_addresses import hook_addresses
from leads.admin import tenancy
from leads.admin.accounts import UserAccountAdmin
from leads.models import Role, UserAccount

admin.site.unregister(UserAccount)


@admin.register(UserAccount)
class AccountWithHooksAdmin(UserAccountAdmin):
    readonly_fields = (*UserAccountAdmin.readonly_fields, "hook_addresses")
    actions_detail: Any = ("utm_fields",)

    class Media:
        js = ("voronka/copy.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        # An address is its own password: whoever has it can deliver. A viewer has no use for it.
        if obj is not None and tenancy.allows(request, Role.STAFF, obj.pk):
            text = _("The signature in the address is its password. Show it to nobody who may not deliver.")
            fieldsets.insert(-1, (_("Hook addresses"), {"fields": ("hook_addresses",), "description": text}))
        return fieldsets

    @display(description=_("addresses"))
    def hook_addresses(self, account: UserAccount) -> SafeString:
        hooks = {"hooks": hook_addresses(account)}
        return SafeString(render_to_string("admin/integrations/hook_addresses.html", hooks))

    @action(description=_("UTM fields…"), icon="label", permissions=["staff"], url_path="utm-fields")
    def utm_fields(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self.get_object(request, object_id)
        if account is None:
            raise Http404
        return utm_fields_view(self, request, account)
