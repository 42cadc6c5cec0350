"""Ad spend beside what is read from Meta, which is asked again each day: what is mended in its rows would be gone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from analytics.admin.spend import AdSpendAdmin
from analytics.models import AdSpend
from integrations.models import MetaAdAccount

admin.site.unregister(AdSpend)


@admin.register(AdSpend)
class AdSpendBesideMetaAdmin(AdSpendAdmin):
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not self._is_metas(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self._is_metas(obj)

    def fieldsets_for(self, request: HttpRequest, obj: Any) -> Any:
        fieldsets = super().fieldsets_for(request, obj)
        if not self._is_metas(obj):
            return fieldsets
        told = _(
            "Read from Meta, which is asked again each day: a change here would be overwritten. Correct it at Meta, or "
            "add a row of another source for what Meta does not know: reports add both up."
        )
        return [(title, {**options, "description": told}) for title, options in fieldsets]

    def _is_metas(self, obj: Any) -> bool:
        """Of a row, or of its id as the theme's buttons pass it. An ad account that was removed tells no more."""
        if obj is not None and not isinstance(obj, AdSpend):
            obj = AdSpend.objects.filter(pk=obj).first()
        if obj is None:
            return False
        theirs = MetaAdAccount.objects.filter(user_account=obj.user_account_id).only("act_id")
        return any(ad_account.source == obj.source for ad_account in theirs)
